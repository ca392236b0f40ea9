"""What generated code is made with beside upstream's text, here and as the manifest records it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from qeff_codegen.checked_in.manifest import ManifestEntry
from qeff_codegen.engine.rules_hash import rules_sha256


@dataclass(frozen=True)
class Tools:
    """What decides, beside upstream's text, the bytes that are generated."""

    rules_sha256: str
    black_version: str


def tools_here() -> Tools:
    """The rules and the formatter that generating would use now."""
    return Tools(rules_sha256(), version("black"))


def made_with(entry: ManifestEntry, tools: Tools) -> bool:
    """Whether the record is of a file that these rules and this formatter made."""
    return Tools(entry.rules_sha256, entry.black_version) == tools
