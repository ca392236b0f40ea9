"""One change of a modeling file's text, and what must come of it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

# A pair of a text that occurs exactly once and what takes its place, or what makes the changed file of the original.
Change = tuple[str, str] | Callable[[str], str]


class Expected(StrEnum):
    """What must come of a variation.

    Where it may be refused or followed, either is right; what is wrong there is code that computes something else.
    """

    REFUSED = "refused"
    EQUAL = "equal"
    EITHER = "refused or equal"


@dataclass(frozen=True)
class Variation:
    """A named change of a modeling file.

    Attributes:
        name: unique among all variations.
        expected: what must come of it.
        changes: made one after the other.
        says: a part of the refusal's message.
    """

    name: str
    expected: Expected
    changes: tuple[Change, ...]
    says: str = ""

    def of(self, original: str) -> str:
        """The changed file.

        Raises:
            ValueError: a text to be replaced does not occur exactly once.
        """
        text = original
        for change in self.changes:
            if callable(change):
                text = change(text)
                continue
            old, new = change
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} occurs {text.count(old)} times")
            text = text.replace(old, new)
        return text

    def changed_lines(self, original: str) -> set[int]:
        """The lines of the changed file that are not the original's, and those before which some were taken away."""
        lines = (original.splitlines(), self.of(original).splitlines())
        found: set[int] = set()
        for tag, _, _, start, end in difflib.SequenceMatcher(None, *lines, autojunk=False).get_opcodes():
            if tag != "equal":
                found |= set(range(start + 1, max(end, start + 1) + 1))
        return found


def refused(name: str, *changes: Change, says: str = "") -> Variation:
    """What no graph of ours can compute, or no rule knows."""
    return Variation(name, Expected.REFUSED, changes, says)


def equal(name: str, *changes: Change) -> Variation:
    """What means something that is supported, whichever way it is written."""
    return Variation(name, Expected.EQUAL, changes)


def either(name: str, *changes: Change) -> Variation:
    """What could be followed, and may be refused as well."""
    return Variation(name, Expected.EITHER, changes)
