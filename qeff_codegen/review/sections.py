"""The changes cut into sections, one for each generated class or function, and into blocks to show or to fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from qeff_codegen.emit import steps
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.changes import Hunk, Same
from qeff_codegen.review.facts import is_by_rule
from qeff_codegen.review.outline import definitions

# Unchanged lines that stay in sight before and after a hunk.
CONTEXT = 3
# Folding fewer lines than these would hide as much as it shows.
FEWEST_FOLDED = 5


@dataclass(frozen=True)
class Context:
    """Unchanged lines; folded where no hunk is near."""

    lines: Same
    folded: bool


@dataclass(frozen=True)
class Left:
    """Neighbouring hunks that no rule had a part in: what emission left to upstream, or wrote around the code."""

    hunks: tuple[Hunk, ...]

    @property
    def title(self) -> str:
        """What it is about, in a few words."""
        put = dict.fromkeys(_title(hunk) for hunk in self.hunks if hunk.generated)
        left = dict.fromkeys(_title(hunk) for hunk in self.hunks if not hunk.generated and _title(hunk) not in put)
        parts = [("put together: ", put), ("left upstream: ", left)]
        text = "; ".join(what + ", ".join(names) for what, names in parts if names)
        return text[0].upper() + text[1:]


_TITLES = {
    steps.HEADER.id: "header",
    steps.IMPORTS.id: "imports",
    steps.CLASS_REPLACED.id: "class line",
    steps.MODULE_STATEMENT.id: "module statements",
    steps.BLANK_LINES.id: "blank lines",
    steps.FORMATTER.id: "layout",
}


def _title(hunk: Hunk) -> str:
    step = hunk.owners[0]
    if step == steps.INHERITED.id and "." not in hunk.name:
        return "class attributes"
    return _TITLES.get(step) or hunk.name.split(".")[-1]


Block = Context | Hunk | Left


@dataclass
class Section:
    """What belongs to one generated class or function, or stands between two of them.

    Attributes:
        name: the upstream name; empty for what stands between.
        generated: the name in the generated file.
    """

    name: str
    generated: str
    items: list[Same | Hunk] = field(default_factory=list)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What to show, in order."""
        return tuple(_blocks(self.items))

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """The hunks that rules had a part in."""
        return tuple(item for item in self.items if isinstance(item, Hunk) and is_by_rule(item))


def sections(model: GeneratedModel, changes: Sequence[Same | Hunk]) -> tuple[Section, ...]:
    """Every item of `changes`, unchanged runs cut where a class or function begins.

    Blank lines that both files have between two definitions are left out.
    """
    classes = {name.split(".")[0] for edit in model.edits if "." in (name := edit.function)}
    found = [(item.name, item.lines) for item in definitions(model.code)]
    names = [name for name, _ in found]
    result = [Section("", "")]
    lines = model.code.splitlines()

    def section(name: str) -> Section:
        if result[-1].name != name:
            result.append(Section(name, f"QEff{name}" if name in classes else name))
        return result[-1]

    for item in changes:
        if isinstance(item, Same):
            for name, numbers in groupby(item.generated, lambda number: _holder(number, found)):
                first, *others = numbers
                offset = first - item.generated.start
                upstream = range(item.upstream.start + offset, item.upstream.start + offset + 1 + len(others))
                if not name and not any(lines[number - 1].strip() for number in (first, *others)):
                    continue
                section(name).items.append(Same(upstream, range(first, first + 1 + len(others))))
        else:
            top = item.name.split(".")[0]
            section(top if top in names else "").items.append(item)
    return tuple(item for item in result if any(len(part.upstream) or len(part.generated) for part in item.items))


def _holder(number: int, found: Sequence[tuple[str, range]]) -> str:
    """The name of the class or function that holds a generated line; empty between them."""
    return next((name for name, lines in found if number in lines), "")


def _blocks(items: Sequence[Same | Hunk]) -> Iterator[Block]:
    groups = [(kind, list(group)) for kind, group in groupby(items, _kind)]
    for index, (kind, group) in enumerate(groups):
        if kind == "left":
            yield Left(tuple(item for item in group if isinstance(item, Hunk)))
            continue
        for item in group:
            if isinstance(item, Hunk):
                yield item
            else:
                before = index > 0 and groups[index - 1][0] == "rule"
                after = index + 1 < len(groups) and groups[index + 1][0] == "rule"
                yield from _contexts(item, CONTEXT if before else 0, CONTEXT if after else 0)


def _kind(item: Same | Hunk) -> str:
    if isinstance(item, Same):
        return "same"
    if is_by_rule(item):
        return "rule"
    # Where a class begins stays in sight.
    return "class" if item.owners == (steps.CLASS_REPLACED.id,) else "left"


def _contexts(item: Same, head: int, tail: int) -> Iterator[Context]:
    count = len(item.generated)
    if count - head - tail < FEWEST_FOLDED:
        yield Context(item, folded=False)
        return
    cuts = [0, head, count - tail, count]
    for start, end in zip(cuts, cuts[1:], strict=False):
        if start < end:
            part = Same(item.upstream[start:end], item.generated[start:end])
            yield Context(part, folded=(start, end) == (head, count - tail))
