"""The `_module_mapping` of one transform of QEfficient: its entries, and whether lines can be added and taken out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import CodeRange

MAPPING = "_module_mapping"
Positions = Mapping[cst.CSTNode, CodeRange]


@dataclass(frozen=True)
class Entry:
    """One entry of a mapping.

    Attributes:
        key: as it is written, which is the name used here unless somebody wrote another expression.
        replacement: likewise; None in a set.
        line: 1-based.
    """

    key: str
    replacement: str | None
    line: int


@dataclass(frozen=True)
class Obstacle:
    """Why a mapping cannot be edited by whole lines; `line` is 1-based, None for the line of its class."""

    what: str
    line: int | None = None


@dataclass(frozen=True)
class ModuleMapping:
    """The `_module_mapping` of one transform.

    Attributes:
        transform: the class it stands in.
        entries: in their order; what is unpacked (`**{...}`) is left out.
        first: the line of the opening brace; 1-based.
        last: the line of the closing brace.
        obstacle: why no edit of it is known to be right; None where edits are.
    """

    transform: str
    entries: tuple[Entry, ...]
    first: int
    last: int
    obstacle: Obstacle | None

    def entry(self, key: str) -> Entry | None:
        """The entry of the class that is called `key` here: the last one, as in Python, where there are several."""
        return next((entry for entry in reversed(self.entries) if entry.key == key), None)


def module_mapping(
    item: cst.ClassDef, module: cst.Module, positions: Positions, lines: Sequence[str]
) -> ModuleMapping | Obstacle:
    """The mapping of a transform, or why it has none."""
    value = _assigned(item)
    if value is None:
        return Obstacle(f"it has no `{MAPPING} = ...`")
    if not isinstance(value, cst.Dict | cst.Set):
        return Obstacle(f"its `{MAPPING}` is neither a dictionary nor a set")
    place = positions[value]
    return ModuleMapping(
        item.name.value,
        tuple(_entries(value, module, positions)),
        place.start.line,
        place.end.line,
        _obstacle(value, positions, lines),
    )


def _assigned(item: cst.ClassDef) -> cst.BaseExpression | None:
    for line in item.body.body:
        for part in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(part, cst.Assign) and get_full_name_for_node(part.targets[0].target) == MAPPING:
                return part.value
            if isinstance(part, cst.AnnAssign) and get_full_name_for_node(part.target) == MAPPING:
                return part.value
    return None


def _entries(value: cst.Dict | cst.Set, module: cst.Module, positions: Positions) -> Iterator[Entry]:
    for element in value.elements:
        line = positions[element].start.line
        if isinstance(element, cst.DictElement):
            yield Entry(_written(element.key, module), _written(element.value, module), line)
        elif isinstance(element, cst.Element):
            yield Entry(_written(element.value, module), None, line)


def _written(expression: cst.BaseExpression, module: cst.Module) -> str:
    """A name without parentheses around it; anything else as it stands."""
    return expression.value if isinstance(expression, cst.Name) else module.code_for_node(expression)


def _obstacle(value: cst.Dict | cst.Set, positions: Positions, lines: Sequence[str]) -> Obstacle | None:
    """Edits take whole lines: each has to hold one entry with its comma, and nothing else."""
    place = positions[value]
    if place.start.line == place.end.line or lines[place.end.line - 1].strip() != "}":
        return Obstacle(f"the closing brace of its `{MAPPING}` does not stand alone on its line")
    before = place.start.line
    for element in value.elements:
        line, last = positions[element].start.line, positions[element].end.line
        if line == before:
            return Obstacle(f"an entry of its `{MAPPING}` does not begin on a line of its own", line)
        if not isinstance(element.comma, cst.Comma):
            return Obstacle(f"the last entry of its `{MAPPING}` has no comma after it", line)
        before = positions[element.comma].end.line
        if isinstance(element, cst.DictElement) and not isinstance(element.key, cst.Name):
            return Obstacle(f"a key of its `{MAPPING}` is no plain name", line)
        # What is unpacked may be long: it is never taken out.
        if isinstance(element, cst.DictElement | cst.Element) and not line == last == before:
            return Obstacle(f"an entry of its `{MAPPING}` goes over several lines", line)
    return None
