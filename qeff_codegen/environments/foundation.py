"""The running environment, as another one can rest on it: where its packages lie, and which they are."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# What Python and Debian call the folders that packages are installed into.
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Foundation:
    """An interpreter and the folders it imports installed packages from.

    Attributes:
        folders: this package's own folder first, so that the code that runs here is the code that runs there.
        packages: `name==version` of everything installed.
    """

    folders: tuple[Path, ...]
    packages: tuple[str, ...]

    @cached_property
    def sha256(self) -> str:
        """Changes with the interpreter, with the place of a package and with a version."""
        parts = (sys.base_prefix, sys.version, *map(str, self.folders), *self.packages)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def path_file(self) -> str:
        """The text of a `.pth` file that puts `folders` on the path, behind the environment's own packages."""
        return "".join(f"{folder}\n" for folder in self.folders)


def running_environment() -> Foundation:
    """The environment of this process, whether it rests on another one or not."""
    own = Path(__file__).resolve().parents[2]
    installed = [Path(entry) for entry in sys.path if Path(entry).name in _PACKAGE_FOLDERS]
    found = importlib.metadata.distributions(path=[str(folder) for folder in installed])
    packages = sorted({f"{package.name}=={package.version}" for package in found})
    return Foundation(tuple(dict.fromkeys([own, *installed])), tuple(packages))
