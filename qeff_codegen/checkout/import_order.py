"""The order and the form of import statements that ruff's isort rules ask for."""

from __future__ import annotations

import re
from collections.abc import Sequence

Key = tuple[tuple[int, int], ...]


def module_order(module: str) -> tuple[Key, Key]:
    """Sorts `from` statements of one section: letters of either case alike, numbers by their value."""
    return _natural(module.lower()), _natural(module)


def member_order(name: str) -> tuple[int, Key, Key]:
    """Sorts what one statement imports: constants, then classes, then the rest, each as modules are sorted."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, _natural(name.lower()), _natural(name)


def _natural(text: str) -> Key:
    """Characters by their code point, and a run of digits as one character that has the number's value."""
    return tuple(
        (ord("0"), int(part)) if part.isdigit() else (ord(part), 0) for part in re.findall(r"[0-9]+|[^0-9]", text)
    )


def import_lines(module: str, names: Sequence[str], line_length: int) -> list[str]:
    """One `from` statement: on one line, or where that is too long with a name a line and a comma after the last.

    Args:
        names: what is imported; `A as B` for a name that is to be called something else.
    """
    members = sorted(names, key=lambda name: member_order(name.split(" ")[0]))
    line = f"from {module} import {', '.join(members)}"
    if len(line) <= line_length:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in members), ")"]
