"""The release that pyproject.toml pins: `transformers==` in the extra that runs generated code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from qeff_codegen.errors import UsageError

EXTRA = "run"
PINNED = re.compile(r"""(?<=["'])transformers==([^"';\s]+)(?=["'])""")


def moved_pin(pyproject: Path, version: str) -> str:
    """The text of `pyproject` with the pin at `version`; nothing else in it changes.

    Raises:
        UsageError: the file cannot be read, or has not exactly one pin, in the extra `run`.
    """
    try:
        text = pyproject.read_bytes().decode("utf-8")
        before = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"{pyproject} cannot be read: {error}.\nRun this in the project's folder.") from error
    moved, places = PINNED.subn(f"transformers=={version}", text)
    # Held against what the file means: the token could stand in a comment, or in another extra.
    if places != 1 or tomllib.loads(moved) != _with_pin(before, version):
        raise UsageError(
            f"{pyproject} must require `transformers==VERSION` once, in the extra `{EXTRA}`.\n"
            "Nothing is written. Pin it there, and run the command again."
        )
    return moved


def _with_pin(document: dict[str, Any], version: str) -> dict[str, Any] | None:
    """What the file says, with the pin moved; None where it has none."""
    project = document.get("project", {})
    extras = project.get("optional-dependencies", {})
    pin = f"transformers=={version}"
    requirements = [pin if item.startswith("transformers==") else item for item in extras.get(EXTRA, ())]
    if pin not in requirements:
        return None
    moved = {**project, "optional-dependencies": {**extras, EXTRA: requirements}}
    return {**document, "project": moved}
