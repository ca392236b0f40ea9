"""The upstream file a manifest entry names, where it is on this machine: nothing is fetched or imported for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from qeff_codegen.checked_in.manifest import ManifestEntry
from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.find import BLUEPRINT, find_model
from qeff_codegen.upstream.transformers_text import TransformersText, installed_transformers, transformers_in_wheel
from qeff_codegen.upstream.wheel import cached_wheel

PACKAGE = "transformers/"


@dataclass(frozen=True)
class Compared:
    """The SHA-256 of an upstream file's text as it is now.

    Attributes:
        sha256: None when there is no such file any more.
        place: how messages call where it was looked for.
    """

    sha256: str | None
    place: str


@dataclass(frozen=True)
class NotCompared:
    """An upstream file that is not here, and why."""

    why: str


class Sources:
    """The releases of transformers on this machine, each opened once."""

    def __init__(self) -> None:
        self._releases: dict[str, TransformersText] = {}

    def now(self, entry: ManifestEntry) -> Compared | NotCompared:
        """The upstream file of the release that `entry` names.

        Raises:
            UsageError: the release's wheel is in the cache and cannot be read.
        """
        if is_bundled(entry):
            return Compared(find_model(BLUEPRINT).sha256, "this package")
        if not is_of_transformers(entry):
            return NotCompared("it was given with --source, and where it stands is not recorded")
        version = entry.transformers_version or ""
        tree = self.release(version)
        if tree is None:
            return NotCompared(f"transformers {version} is not here, neither installed nor in the cache of wheels")
        file = tree.root / entry.upstream_path.removeprefix(PACKAGE)
        if not file.is_file():
            return Compared(None, tree.title)
        return Compared(hashlib.sha256(file.read_text("utf-8").encode()).hexdigest(), tree.title)

    def release(self, version: str) -> TransformersText | None:
        """The release as text: installed, or a wheel that was fetched before."""
        known = self._releases.get(version) or self._open(version)
        if known is not None:
            self._releases[version] = known
        return known

    @cached_property
    def installed(self) -> TransformersText | None:
        """The release that is installed, if one is."""
        try:
            return installed_transformers()
        except UsageError:
            return None

    def is_installed(self, version: str) -> bool:
        """Whether the installed release is `version`."""
        return self.installed is not None and self.installed.version == version

    def _open(self, version: str) -> TransformersText | None:
        if self.is_installed(version):
            return self.installed
        wheel = cached_wheel(version)
        return transformers_in_wheel(wheel) if wheel is not None else None


def is_bundled(entry: ManifestEntry) -> bool:
    """Whether the source is the example that comes with this package."""
    return entry.transformers_version is None and entry.upstream_module.startswith("qeff_codegen.examples.")


def is_of_transformers(entry: ManifestEntry) -> bool:
    """Whether the source is a file of a transformers release."""
    return entry.transformers_version is not None and entry.upstream_path.startswith(PACKAGE)
