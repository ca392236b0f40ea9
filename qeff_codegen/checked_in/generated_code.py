"""Loading what the generator wrote: the two transforms that turn an upstream model into a QEff model."""

from __future__ import annotations

import hashlib
import importlib
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from qeff_codegen.checked_in import layout
from qeff_codegen.checked_in.manifest import load, package_of
from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class GeneratedTransforms:
    """The mapping transforms of a generated folder, in the order they are applied."""

    transforms: tuple[type[Any], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the transforms are called."""
        return tuple(transform.__name__ for transform in self.transforms)

    def class_of(self, upstream_class: type[Any]) -> type[Any] | None:
        """The QEff class that a model of `upstream_class` becomes; None where it stays as it is."""
        mappings = [getattr(transform, "_module_mapping", {}) for transform in self.transforms]
        found = [mapping[upstream_class] for mapping in mappings if upstream_class in mapping]
        return found[0] if found else None

    def apply(self, model: Any) -> Any:
        """Turn `model` into its QEff model, in place, and return it.

        Raises:
            UsageError: the mapping has no entry for the model's causal LM, so nothing would be validated.
        """
        before = type(model).__name__
        for transform in self.transforms:
            model, _ = transform.apply(model)
        if type(model).__name__ == before:
            raise UsageError(f"The generated mapping has no entry for {before}; generate the model again.")
        return model


def load_transforms(name: str, folder: Path) -> GeneratedTransforms:
    """Import the transforms of `folder`, after checking that what serves `name` was generated into it.

    Raises:
        UsageError: `name` is not there, or the folder's code cannot be imported.
    """
    package = package_of(name, folder)
    modeling = layout.modeling_path(folder, package)
    transforms = folder / layout.MAPPING
    for needed in (modeling, transforms):
        if not needed.is_file():
            raise UsageError(
                f"`{name}` is not generated: {needed} does not exist.\n"
                f"Run `python -m qeff_codegen {name}` first, or say with --generated which folder to read."
            )
    try:
        module = _import_from(folder.resolve(), transforms.stem)
    except ImportError as error:
        raise UsageError(f"{transforms} cannot be imported: {error}{_other_release(package, folder)}") from error
    return GeneratedTransforms((module.CustomOpsTransform, module.KVCacheTransform))


def code_sha256(name: str, folder: Path) -> str:
    """Hash of the generated code that serves `name`: its package and the mapping."""
    digest = hashlib.sha256()
    for path in [*sorted((folder / package_of(name, folder)).glob("*.py")), *folder.glob("*.py")]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _other_release(package: str, folder: Path) -> str:
    """What to do where the model was generated from another transformers than the installed one; empty where not."""
    entry, installed = load(folder).models.get(package), version("transformers")
    if entry is None or entry.transformers_version in (None, installed):
        return ""
    return (
        f"\nIt was generated from transformers {entry.transformers_version}, and {installed} is installed: install "
        "that release, or generate the model again."
    )


def _import_from(folder: Path, module: str) -> Any:
    """Import `<folder's name>.<module>`: generated files import each other from a package of their folder's name.

    Raises:
        UsageError: a package of that name that is no generated folder is in use.
    """
    package = sys.modules.get(folder.name)
    if package is None or list(package.__path__) != [str(folder)]:
        if package is not None and not _is_generated(package):
            raise UsageError(f"{folder} has the name of the package `{folder.name}`, which is in use. Rename it.")
        for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
            del sys.modules[name]
        package = ModuleType(folder.name)
        package.__path__ = [str(folder)]
        sys.modules[folder.name] = package
    importlib.invalidate_caches()
    return importlib.import_module(f"{folder.name}.{module}")


def _is_generated(package: ModuleType) -> bool:
    return any((Path(folder) / layout.MAPPING).is_file() for folder in getattr(package, "__path__", []))
