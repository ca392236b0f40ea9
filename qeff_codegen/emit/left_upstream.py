"""What becomes of the lines of upstream's file that are not emitted: by which step each is left there."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.emit import steps
from qeff_codegen.emit.steps import Step
from qeff_codegen.generated_model import MappingEntry


@dataclass(frozen=True)
class LeftOut:
    """Lines of upstream's file and what left them out.

    Attributes:
        rules: ids of the step, or of the rules whose own method stands in the place of upstream's.
        lines: 1-based.
        name: the qualified upstream name of the class, method or function; empty outside of them.
    """

    rules: tuple[str, ...]
    lines: Sequence[int]
    name: str


@dataclass(frozen=True)
class Emission:
    """What is emitted, as far as it decides what is not.

    Attributes:
        functions: qualified upstream names of the emitted methods and functions that upstream has too.
        added: for methods that rules wrote, by qualified name, the rules.
        classes: upstream names of the classes that generated ones take the place of.
        imported: names that the generated file imports.
        mappings: the model's mapping entries.
    """

    functions: Collection[str]
    added: dict[str, tuple[str, ...]]
    classes: Collection[str]
    imported: Collection[str]
    mappings: Sequence[MappingEntry]


@dataclass(frozen=True)
class _Region:
    """A statement with the blank lines and comments above it, as 1-based lines."""

    node: ast.stmt
    above: range
    own: range

    @property
    def all(self) -> range:
        return range(self.above.start, self.own.stop)


def left_upstream(anatomy: Anatomy, emission: Emission) -> Iterator[LeftOut]:
    """Every line outside of emitted functions, with the step that leaves it out or writes it anew.

    Lines within emitted functions are the rules' alone: none of them is given here.
    """
    lines = anatomy.file.lines
    last = 0
    for index, region in enumerate(_regions(anatomy.file.tree.body, 1)):
        last = region.own.stop
        node = region.node
        if index == 0:
            yield LeftOut((steps.HEADER.id,), region.above, "")
            region = _Region(node, range(region.own.start, region.own.start), region.own)
        if isinstance(node, ast.ClassDef) and node.name in emission.classes:
            yield from _emitted_class(node, region, emission, lines)
        elif isinstance(node, ast.ClassDef):
            yield LeftOut((_class_step(node.name, anatomy, emission).id,), region.all, node.name)
        elif isinstance(node, ast.FunctionDef) and node.name in emission.functions:
            yield from _set_apart(region, lines)
        elif isinstance(node, ast.FunctionDef):
            imported = node.name in emission.imported
            step = steps.FUNCTION_IMPORTED if imported else steps.FUNCTION_NOT_CALLED
            yield LeftOut((step.id,), region.all, node.name)
        else:
            step = steps.IMPORTS if _only_imports(node) else steps.MODULE_STATEMENT
            yield LeftOut((step.id,), region.all, "")
    yield LeftOut((steps.MODULE_STATEMENT.id,), range(last, len(lines) + 1), "")


def _emitted_class(node: ast.ClassDef, region: _Region, emission: Emission, lines: Sequence[str]) -> Iterator[LeftOut]:
    yield from _set_apart(region, lines)
    head = class_head(node)
    left: LeftOut | None = None
    for item in _regions(node.body, head.stop):
        name = f"{node.name}.{item.node.name}" if isinstance(item.node, ast.FunctionDef) else node.name
        if name in emission.functions:
            # Blank lines that set apart what is left out go with it.
            yield from _set_apart(item, lines) if left is None else [replace(left, lines=_blank(item.above, lines))]
            left = None
        elif ast.get_docstring(node) is None or item.node is not node.body[0]:
            left = LeftOut(emission.added.get(name, (steps.INHERITED.id,)), item.all, name)
            yield left


def _class_step(name: str, anatomy: Anatomy, emission: Emission) -> Step:
    replacements = {entry.upstream_class: entry.transform for entry in emission.mappings}
    if name in replacements:
        return steps.CLASS_MAPPED if replacements[name] == "CustomOpsTransform" else steps.OTHER_IMPLEMENTATION
    if name in emission.imported:
        return steps.CLASS_IMPORTED
    return steps.CLASS_STAYS if name in anatomy.reachable else steps.CLASS_NOT_BUILT


def _set_apart(region: _Region, lines: Sequence[str]) -> Iterator[LeftOut]:
    """The blank lines above an emitted definition."""
    yield LeftOut((steps.BLANK_LINES.id,), _blank(region.above, lines), "")


def _blank(above: range, lines: Sequence[str]) -> tuple[int, ...]:
    return tuple(number for number in above if not lines[number - 1].strip())


def _regions(body: Sequence[ast.stmt], start: int) -> Iterator[_Region]:
    for node in body:
        first = first_line(node)
        end = (node.end_lineno or node.lineno) + 1
        yield _Region(node, range(start, first), range(first, end))
        start = end


def first_line(node: ast.stmt) -> int:
    """The 1-based line a statement begins on, decorators included."""
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def class_head(node: ast.ClassDef) -> range:
    """The lines of a class statement before its body, decorators included."""
    body = first_line(node.body[0])
    ends = [
        node.lineno,
        *(base.end_lineno or 0 for base in node.bases),
        *(word.value.end_lineno or 0 for word in node.keywords),
    ]
    return range(first_line(node), min(max(ends) + 1, body))


def _only_imports(node: ast.stmt) -> bool:
    """Whether a statement brings in names and does nothing else, `if` and `try` blocks around imports included."""
    if isinstance(node, ast.If | ast.Try):
        handlers = [handler.body for handler in node.handlers] if isinstance(node, ast.Try) else []
        return all(_only_imports(item) for block in (node.body, node.orelse, *handlers) for item in block)
    return isinstance(node, ast.Import | ast.ImportFrom)
