"""A transformers package as text, wherever it stands: installed, unpacked, checked out, or still in its wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import zipfile
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.auto_tables import AutoTables, read_auto_tables
from qeff_codegen.upstream.decoded import decoded

MODELING_TABLE = "models/auto/modeling_auto.py"
INSTALL = "pip install 'qeff_codegen[run]'"
ELSEWHERE = "or take another source: --transformers VERSION, or --source PATH"


@dataclass(frozen=True)
class TransformersText:
    """The `transformers` package folder of one release.

    Attributes:
        root: the folder that holds `models`.
    """

    root: Traversable

    @cached_property
    def version(self) -> str | None:
        """The release, from the package's own `__version__` line."""
        initializer = self.root / "__init__.py"
        text = initializer.read_text("utf-8") if initializer.is_file() else ""
        match = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
        return match.group(1) if match else None

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"transformers {self.version}" if self.version else "this transformers tree"

    @cached_property
    def tables(self) -> AutoTables:
        """The auto tables."""
        return read_auto_tables(self.root / "models" / "auto")

    def modeling_file(self, folder: str, class_name: str) -> tuple[str, str] | None:
        """Path below the package and text of the modeling file in `models/<folder>` that defines `class_name`."""
        models = self.root / "models" / folder
        likely = f"modeling_{folder.split('/')[-1]}.py"
        names = [likely]
        if not (models / likely).is_file():
            names = sorted(item.name for item in _entries(models) if re.fullmatch(r"modeling_\w+\.py", item.name))
        for name in names:
            text = decoded((models / name).read_bytes())
            if re.search(rf"^class {class_name}\b", text, re.MULTILINE):
                return f"models/{folder}/{name}", text
        return None

    def configuration_file(self, modeling_path: str) -> tuple[str, str]:
        """Path below the package and text of the configuration file beside a modeling file; empty without one."""
        path = modeling_path.replace("modeling_", "configuration_")
        file = self.root / path
        return (path, decoded(file.read_bytes())) if file.is_file() else ("", "")

    def folders_for_class(self, name: str) -> list[str]:
        """The folders of the models whose configurations' names a class begins with, the longest name first."""
        found = {
            config.removesuffix("Config"): model_type
            for model_type, config in self.tables.configurations.items()
            if name.startswith(config.removesuffix("Config"))
        }
        return list(
            dict.fromkeys(self.tables.folder(found[prefix]) for prefix in sorted(found, key=len, reverse=True))
        )

    def has_module(self, name: str) -> bool:
        """Whether there is a module or package of that dotted name below the package; the package itself for none."""
        *around, last = name.split(".")
        folder = self.root.joinpath(*around) if around else self.root
        return not name or (folder / last).is_dir() or (folder / f"{last}.py").is_file()

    def folders(self) -> list[str]:
        """All folders below `models`."""
        return sorted(item.name for item in _entries(self.root / "models") if item.is_dir())


def installed_transformers() -> TransformersText:
    """The installed package, found without importing it.

    Raises:
        UsageError: transformers is not installed, or only half.
    """
    spec = importlib.util.find_spec("transformers")
    folder = Path(spec.submodule_search_locations[0]) if spec is not None and spec.submodule_search_locations else None
    if folder is None and not _is_recorded_as_installed():
        raise UsageError(f"transformers is not installed.\nInstall it ({INSTALL}), {ELSEWHERE}.")
    missing = [name for name in ("__init__.py", MODELING_TABLE) if folder is None or not (folder / name).is_file()]
    if folder is None or missing:
        where = f" in {folder}" if folder else ""
        raise UsageError(
            f"transformers is only half installed{where}: it lacks {' and '.join(missing)}.\n"
            f"Install it again (pip install --force-reinstall transformers), {ELSEWHERE}."
        )
    return TransformersText(folder)


def transformers_in(path: Path) -> TransformersText | None:
    """The transformers package at `path`: a package folder, a checkout, a folder that holds either, or a wheel."""
    if path.is_file():
        return transformers_in_wheel(path) if path.suffix == ".whl" else None
    for folder in (path, path / "transformers", path / "src" / "transformers"):
        if is_transformers(folder):
            return TransformersText(folder)
    return None


def transformers_in_wheel(wheel: Path) -> TransformersText:
    """The package inside a wheel, which is read and never installed.

    Raises:
        UsageError: the file is no wheel of transformers.
    """
    try:
        root = zipfile.Path(wheel, "transformers/")
    except (zipfile.BadZipFile, OSError) as error:
        raise UsageError(
            f"{wheel} cannot be read as a wheel: {error}.\nDelete it and run the command again."
        ) from error
    if not is_transformers(root):
        raise UsageError(
            f"{wheel} holds no transformers/models/auto/modeling_auto.py, so it is no transformers wheel."
        )
    return TransformersText(root)


def is_transformers(folder: Traversable) -> bool:
    """Whether `folder` is a transformers package with its auto tables."""
    return (folder / MODELING_TABLE).is_file()


def _is_recorded_as_installed() -> bool:
    try:
        importlib.metadata.version("transformers")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _entries(folder: Traversable) -> list[Traversable]:
    return list(folder.iterdir()) if folder.is_dir() else []
