"""Which rule made which line.

A function's text is followed line by line through every rule. A line that no rule touched keeps its upstream line
number; a line that a rule wrote carries that rule and the upstream lines it stands for. The comparison is difflib's,
the one a reviewer's diff makes, so what is recorded is what a reviewer sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Line:
    """One line of a function under rewriting.

    Attributes:
        upstream: 1-based line of upstream's file when the line is upstream's own, unchanged.
        rules: ids of the rules that wrote it, oldest first; empty for upstream's own lines.
        replaces: upstream lines that a written line stands in for.
        function: the qualified upstream name of the function it is part of, or empty outside of functions.
    """

    text: str
    upstream: int | None = None
    rules: tuple[str, ...] = ()
    replaces: tuple[int, ...] = ()
    function: str = ""


@dataclass(frozen=True)
class Removal:
    """Upstream lines that a rule removed without putting anything in their place.

    Attributes:
        before: index of the line, among those that are left, that now stands where they stood.
    """

    rules: tuple[str, ...]
    upstream: tuple[int, ...]
    before: int
    function: str = ""


def upstream_lines(text: str, numbers: Sequence[int], function: str) -> list[Line]:
    """Lines of `function` as they come from upstream, where each has its 1-based number."""
    return [
        Line(line, upstream=number, function=function) for number, line in zip(numbers, text.splitlines(), strict=True)
    ]


def follow(
    lines: Sequence[Line], removals: Sequence[Removal], text: str, rule: str
) -> tuple[list[Line], list[Removal]]:
    """Carry provenance over to `text`, which `rule` made of `lines`."""
    new_texts = text.splitlines()
    result: list[Line] = []
    gone: list[Removal] = []
    moved: dict[int, int] = {}
    for tag, old_start, old_end, new_start, new_end in _opcodes([line.text for line in lines], new_texts):
        old = lines[old_start:old_end]
        if tag == "equal":
            for offset, line in enumerate(old):
                moved[old_start + offset] = len(result)
                result.append(line)
            continue
        function = next((line.function for line in (*old, *lines[:old_start][::-1]) if line.function), "")
        rules = _merge([*(line.rules for line in old), (rule,)])
        upstream = tuple(sorted({number for line in old for number in stands_for(line)}))
        for offset in range(old_start, old_end):
            moved[offset] = len(result)
        if tag == "delete":
            if upstream:
                gone.append(Removal(rules, upstream, len(result), function))
            continue
        result.extend(
            Line(new, rules=rules, replaces=upstream, function=function) for new in new_texts[new_start:new_end]
        )
    moved[len(lines)] = len(result)
    kept = [replace(item, before=moved[item.before]) for item in removals]
    return result, [*kept, *gone]


def _opcodes(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    """difflib's operations; the lines at both ends that are the same, most of them as a rule, are not compared."""
    least = min(len(old), len(new))
    top = next((index for index in range(least) if old[index] != new[index]), least)
    left = least - top
    bottom = next((index for index in range(left) if old[-1 - index] != new[-1 - index]), left)
    inner = SequenceMatcher(None, old[top : len(old) - bottom], new[top : len(new) - bottom], autojunk=False)
    codes = [("equal", 0, top, 0, top)] if top else []
    codes += [(tag, a + top, b + top, c + top, d + top) for tag, a, b, c, d in inner.get_opcodes()]
    if bottom:
        codes.append(("equal", len(old) - bottom, len(old), len(new) - bottom, len(new)))
    return codes


def origin(lines: Sequence[Line], index: int, upstream: Sequence[str]) -> int | None:
    """The 1-based upstream line that the line at `index` comes from; None when nothing near it comes from upstream.

    Of several lines that a written line stands in for it is the one most like it; a line that stands in for none came
    after the nearest line above it in its function.
    """
    line = lines[index]
    above = (item for item in reversed(lines[: index + 1]) if item.function == line.function and stands_for(item))
    candidates = next((stands_for(item) for item in above), ())

    def likeness(number: int) -> float:
        return SequenceMatcher(None, upstream[number - 1].strip(), line.text.strip(), autojunk=False).ratio()

    return max(candidates, key=likeness, default=None)


def stands_for(line: Line) -> tuple[int, ...]:
    """The 1-based upstream lines that a line is or was made of."""
    return line.replaces if line.upstream is None else (line.upstream,)


def _merge(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule for group in groups for rule in group))
