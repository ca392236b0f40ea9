"""Diffs of two texts, and what the diffs of many files have in common."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import dedent

TOKEN = re.compile(r"\w+|[^\w\s]")
TITLES = re.compile(r"^--- .*\n\+\+\+ .*\n(?=@@)", re.MULTILINE)
NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class FrequentChange:
    """A change that several files have.

    Attributes:
        before, after: two names, where one has taken the place of the other; else the lines, of which either may be
            empty.
        files: how many files have it.
    """

    before: str
    after: str
    files: int

    @property
    def is_renaming(self) -> bool:
        """Whether a name was exchanged for another."""
        return bool(NAME.fullmatch(self.before) and NAME.fullmatch(self.after))

    @property
    def diff(self) -> str:
        """The lines as a diff shows them."""
        removed, added = ((side.splitlines(), sign) for side, sign in ((self.before, "-"), (self.after, "+")))
        return "".join(f"{sign}{line}\n" for lines, sign in (removed, added) for line in lines)


def unified(before: str, after: str, old: str, new: str, *, context: int = 3) -> str:
    """The unified diff of two texts under the titles `old` and `new`; empty when they are equal.

    Args:
        context: unchanged lines above and below a change.
    """
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="", n=context)
    return "".join(f"{line}\n" for line in lines)


def lines_changed(diff: str) -> tuple[int, int]:
    """How many lines unified diffs add, and how many they remove."""
    lines = TITLES.sub("", diff).splitlines()
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def frequent_changes(pairs: Iterable[tuple[str, str]], *, fewest: int, most: int) -> tuple[FrequentChange, ...]:
    """The changes that most files have, the most frequent first.

    Args:
        pairs: text before and after, of each file.
        fewest: files that must have a change for it to count.
        most: changes to give.
    """
    counts = Counter(change for before, after in pairs for change in set(_changes(before, after)))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(FrequentChange(*change, files) for change, files in ordered if files >= fewest)[:most]


def with_changes_made(before: str, after: str, made: Iterable[FrequentChange]) -> str:
    """`before` with what `made` says changed in it as in `after`: what still differs is a file's own.

    A block of lines is changed where everything in it is among `made`.
    """
    known = {(change.before, change.after) for change in made}
    old, new = before.splitlines(), after.splitlines()
    lines: list[str] = []
    for kind, old_start, old_end, new_start, new_end in difflib.SequenceMatcher(None, old, new).get_opcodes():
        removed, added = old[old_start:old_end], new[new_start:new_end]
        is_made = kind != "equal" and known.issuperset(_changes_of_block(removed, added))
        lines += added if is_made else removed
    return "".join(f"{line}\n" for line in lines)


def _changes(before: str, after: str) -> Iterator[tuple[str, str]]:
    """Every block of changed lines; where only names were exchanged in it, those names instead."""
    old, new = before.splitlines(), after.splitlines()
    for kind, old_start, old_end, new_start, new_end in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if kind != "equal":
            yield from _changes_of_block(old[old_start:old_end], new[new_start:new_end])


def _changes_of_block(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    removed, added = _block(old), _block(new)
    if not removed and not added:
        return []
    return _renamings(removed, added) or [(removed, added)]


def _block(lines: list[str]) -> str:
    return dedent("\n".join(lines)).strip("\n").rstrip()


def _renamings(before: str, after: str) -> list[tuple[str, str]]:
    """The names that were exchanged, if nothing else was: layout aside, which follows the names' lengths."""
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    if len(old) != len(new):
        return []
    exchanged = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    return exchanged if all(NAME.fullmatch(name) for pair in exchanged for name in pair) else []
