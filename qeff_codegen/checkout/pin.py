"""Which transformers release a checkout is for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path("pyproject.toml")
_PINNED = re.compile(r"\s*transformers\s*={2,3}\s*([\w.]+)")


def pinned_transformers(checkout: Path) -> str | None:
    """The release that the checkout's `pyproject.toml` pins, or None where none is pinned."""
    try:
        project = tomllib.loads((checkout / PROJECT).read_text("utf-8")).get("project", {})
    except (OSError, ValueError):
        return None
    pins = [_PINNED.match(requirement) for requirement in project.get("dependencies", ())]
    return next((pin.group(1) for pin in pins if pin), None)
