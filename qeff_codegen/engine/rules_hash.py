"""One hash over everything that decides what is generated, computed without importing any of it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

# Finding the source decides which module is imported from and which header a file gets, so it counts too.
FOLDERS = (
    "rewrite_rules",
    "qeff_codegen/anatomy",
    "qeff_codegen/axes",
    "qeff_codegen/checked_in",
    "qeff_codegen/codemod",
    "qeff_codegen/emit",
    "qeff_codegen/engine",
    "qeff_codegen/generate",
    "qeff_codegen/image_text",
    "qeff_codegen/patterns",
    "qeff_codegen/targets",
    "qeff_codegen/upstream",
)


@cache
def rules_sha256() -> str:
    """The hash of all source files in `FOLDERS`: rules, recognition, engine, emission, records, targets, sources."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
