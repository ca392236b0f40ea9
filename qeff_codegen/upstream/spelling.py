"""Model names as people spell them: `-`, `_` and `.` are one, and so are small and capital letters."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def plain(name: str) -> str:
    """The one spelling that all spellings of a name share."""
    return name.replace("-", "_").replace(".", "_").lower()


def spelled(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` spells: exactly if there is one, else but for `-`, `_` and case."""
    names = list(known)
    if name in names:
        return name
    return next((other for other in names if plain(other) == plain(name)), None)


def near(name: str, known: Iterable[str]) -> list[str]:
    """Up to four of `known` that are spelled nearly like `name`, the nearest first."""
    return difflib.get_close_matches(plain(name), list(known), n=4)
