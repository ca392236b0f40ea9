"""Which releases of transformers there are: those that pip's index knows, and of each minor release the last patch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable

from packaging.version import InvalidVersion, Version

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.pip_reason import pip_reason

_LIST = "Available versions: "


def minor(version: str) -> tuple[int, int]:
    """The minor release a version belongs to: (5, 5) for 5.5.4."""
    parsed = Version(version)
    return parsed.major, parsed.minor


def last_patches(versions: Iterable[str], first: str) -> list[str]:
    """The last patch of every minor release from that of `first` on, oldest first; previews do not count."""
    stable = (version for version in versions if re.fullmatch(r"\d+(\.\d+)+", version))
    ordered = sorted((version for version in stable if minor(version) >= minor(first)), key=Version)
    return list({minor(version): version for version in ordered}.values())


def published_versions() -> list[str]:
    """Every version of transformers that pip can install here, newest first.

    Raises:
        UsageError: pip reaches no index that has transformers.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", "transformers", "--disable-pip-version-check"]
    result = subprocess.run([*command, "--no-input"], capture_output=True, text=True, check=False)
    for line in result.stdout.splitlines():
        if line.startswith(_LIST):
            return [version for version in line.removeprefix(_LIST).split(", ") if _is_version(version)]
    raise UsageError(
        f"pip could not list the versions of transformers: {pip_reason(result.stderr)}\n"
        "Check the network, and the index that pip is set up with."
    )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
