"""Loading what the generator wrote: the two transforms that turn an upstream model into a QEff model."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from qeff_codegen.checked_in import layout
from qeff_codegen.checked_in.manifest import load, package_of
from qeff_codegen.checked_in.mapping_text import read_mapping
from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.spelling import near


@dataclass(frozen=True)
class GeneratedTransforms:
    """The mapping transforms of a generated folder, in the order they are applied.

    Attributes:
        transforms: which import a class when a model needs it.
        folder: the generated folder that their classes are imported from; None where they hold classes.
    """

    transforms: tuple[type[Any], ...]
    folder: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the transforms are called."""
        return tuple(transform.__name__ for transform in self.transforms)

    def class_of(self, upstream_class: type[Any]) -> type[Any] | None:
        """The QEff class that a model of `upstream_class` becomes; None where it stays as it is."""
        mappings = [getattr(transform, "_module_mapping", {}) for transform in self.transforms]
        found: type[Any] | None = next(filter(None, (mapping.get(upstream_class) for mapping in mappings)), None)
        return found

    def apply(self, model: Any) -> Any:
        """Turn `model` into its QEff model, in place, and return it.

        Raises:
            UsageError: the mapping has no entry for the model's causal LM, so nothing would be validated; or a class
                cannot be imported.
        """
        before = type(model).__name__
        if self.folder is not None:
            _make_package(self.folder)
        try:
            for transform in self.transforms:
                model, _ = transform.apply(model)
        except ImportError as error:
            raise UsageError(f"The generated code of {before} cannot be imported: {error}") from error
        if type(model).__name__ == before:
            raise UsageError(f"The generated mapping has no entry for {before}; generate the model again.")
        return model


def load_transforms(name: str, folder: Path) -> GeneratedTransforms:
    """The transforms of `folder`, after importing what serves `name` from it.

    Raises:
        UsageError: `name` is not there, or the folder's code cannot be imported.
    """
    check_generated(name, folder)
    package = package_of(name, folder)
    transforms = folder / layout.MAPPING
    whole = folder.resolve()
    _make_package(whole)
    try:
        importlib.import_module(f"{whole.name}.{package}.{layout.modeling_path(whole, package).stem}")
        found = _transforms(whole)
    except ImportError as error:
        raise UsageError(f"{transforms} cannot be imported: {error}{_other_release(package, folder)}") from error
    return GeneratedTransforms((found["CustomOpsTransform"], found["KVCacheTransform"]), whole)


def _transforms(folder: Path) -> Mapping[str, type[Any]]:
    """The transforms by their names, as the mapping file's text has them, or of the file imported as a whole."""
    mapping = folder / layout.MAPPING
    try:
        texts = read_mapping(mapping.read_text("utf-8"), folder.name)
    except SyntaxError:
        # Written by hand; what it says of itself when it is imported counts.
        return vars(importlib.import_module(f"{folder.name}.{mapping.stem}"))
    return {transform.name: transform.load() for transform in texts}


def check_generated(name: str, folder: Path) -> None:
    """See that what serves `name` stands in `folder`; nothing is imported for it.

    Raises:
        UsageError: it does not; the message has the names that are nearly this one.
    """
    for needed in (layout.modeling_path(folder, package_of(name, folder)), folder / layout.MAPPING):
        if not needed.is_file():
            names = near(name, families_in(folder))
            hint = f" Near names: {', '.join(names)}." if names else ""
            raise UsageError(
                f"`{name}` is not generated: {needed} does not exist.{hint}\n"
                f"Run `python -m qeff_codegen {name}` first, or say with --generated which folder to read."
            )


def is_edited(name: str, folder: Path) -> bool:
    """Whether the modeling file that serves `name` is another than the manifest says was written."""
    package = package_of(name, folder)
    entry = load(folder).models.get(package)
    found = hashlib.sha256(layout.modeling_path(folder, package).read_bytes()).hexdigest()
    return entry is not None and found != entry.generated_sha256


def families_in(folder: Path) -> list[str]:
    """The names of all families that are generated into `folder`."""
    return sorted({name for model, entry in load(folder).models.items() for name in (model, *entry.families)})


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


def _make_package(folder: Path) -> None:
    """Let `folder` be imported by its name, by which generated files import each other.

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


def _is_generated(package: ModuleType) -> bool:
    return any((Path(folder) / layout.MAPPING).is_file() for folder in getattr(package, "__path__", []))
