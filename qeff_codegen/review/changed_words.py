"""In a hunk, the words that differ between a line that is gone and the line that took its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from qeff_codegen.review.changes import Hunk

# Lines less alike than this have little in common but punctuation: marking it would mislead.
LEAST_LIKENESS = 0.6
_FIRST_WORD = re.compile(r"\W*\w+")
_WORD = re.compile(r"\w+|\s+|[^\w\s]")

Marks = dict[int, list[range]]


def changed_words(hunks: Iterable[Hunk], upstream: Sequence[str], generated: Sequence[str]) -> tuple[Marks, Marks]:
    """The columns to mark in lines of upstream's file and of the generated one, by 1-based line."""
    gone: Marks = {}
    new: Marks = {}
    for hunk in hunks:
        start = hunk.generated.start
        for old in hunk.upstream:
            following = range(start, hunk.generated.stop)
            alike = {number: _likeness(upstream[old - 1], generated[number - 1]) for number in following}
            best = max(alike, key=lambda number: alike[number], default=None)
            if best is None or alike[best] < LEAST_LIKENESS:
                continue
            gone[old], new[best] = _differing(upstream[old - 1], generated[best - 1])
            start = best + 1
    return gone, new


def _likeness(old: str, new: str) -> float:
    """From 0 to 1; lines that begin with other words are about other things."""
    if _beginning(old) != _beginning(new):
        return 0.0
    return SequenceMatcher(None, old.strip(), new.strip(), autojunk=False).ratio()


def _beginning(line: str) -> str:
    found = _FIRST_WORD.match(line.strip())
    return found.group() if found else ""


def _differing(old: str, new: str) -> tuple[list[range], list[range]]:
    words, others = list(_WORD.finditer(old)), list(_WORD.finditer(new))
    matcher = SequenceMatcher(None, [item.group() for item in words], [item.group() for item in others], False)
    spans: tuple[list[range], list[range]] = ([], [])
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        for side, found in enumerate((words[old_start:old_end], others[new_start:new_end])):
            # Another indentation is in sight without a mark.
            if found and not (found[0].start() == 0 and len(found) == 1 and found[0].group().isspace()):
                spans[side].append(range(found[0].start(), found[-1].end()))
    return spans
