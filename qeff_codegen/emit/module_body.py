"""Classes and functions as they stand in the generated file, with the provenance of every line."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import replace

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.layout import INDENT, indented, kept_lines
from qeff_codegen.emit import steps
from qeff_codegen.emit.left_upstream import class_head, first_line
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.provenance import Line, Removal
from qeff_codegen.targets.target import PREFIX


class ModuleBody:
    """Everything below the imports.

    Attributes:
        upstream: the lines of upstream's file.
        lines: those written so far.
        removals: what rules removed among them.
        defined: names of the classes and functions, and of what is copied.
        copied: names of what stands there as in upstream's file.
    """

    def __init__(self, upstream: Sequence[str]) -> None:
        self.upstream = upstream
        self.lines: list[Line] = []
        self.removals: list[Removal] = []
        self.defined: set[str] = set()
        self.copied: set[str] = set()

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(line.text for line in self.lines) + "\n"

    def function(self, function: Function) -> None:
        """Add a module-level function."""
        self.defined.add(function.name)
        if not function.added and not function.rules - {steps.UNDECORATED.id}:
            self.copied.add(function.name)
        self._blank_lines(2, _first_upstream_line(function))
        self._add(function, function.code.text.splitlines())

    def statement(self, node: ast.stmt, names: Collection[str]) -> None:
        """Add a statement of upstream's module as it stands there, which binds `names`."""
        self.defined.update(names)
        self.copied.update(names)
        first = first_line(node)
        self._blank_lines(2, first)
        numbers = range(first, (node.end_lineno or node.lineno) + 1)
        self.lines.extend(Line(self.upstream[number - 1], upstream=number) for number in numbers)

    def cls(self, draft: Draft, name: str, functions: list[Function]) -> None:
        """Add the class that takes the place of upstream's class `name`, with these methods."""
        self.defined.add(PREFIX + name)
        node = draft.anatomy.file.classes[name].node
        head = class_head(node)
        first = head.start
        while first > 1 and self.upstream[first - 2].startswith("#"):
            first -= 1
        self._blank_lines(2, first)
        replaced = tuple(range(first, head.stop))
        base = name if draft.anatomy.file.upstream.can_import(name) else "nn.Module"
        statement = f"class {PREFIX}{name}({base}):"
        self.lines.append(Line(statement, rules=(steps.CLASS_REPLACED.id,), replaces=replaced, function=name))
        docstring = _docstring(node, draft.anatomy.file.lines)
        self.lines.extend(docstring)
        for index, function in enumerate(functions):
            if index or docstring:
                if function.added:
                    # The rule that wrote the method set it apart.
                    self.lines.append(Line("", rules=function.lines[0].rules, function=function.qualified_name))
                else:
                    self._blank_lines(1, _first_upstream_line(function))
            self._add(function, _indented(function.code))

    def _blank_lines(self, count: int, first: int | None) -> None:
        """Blank lines above a definition: upstream's where it has them above line `first`, else ours."""
        for distance in range(count, 0, -1):
            above = None if first is None else self.upstream[max(first - 1 - distance, 0) : first - 1]
            if first is not None and above == ("",) * distance:
                self.lines.append(Line("", upstream=first - distance))
            else:
                self.lines.append(Line("", rules=(steps.BLANK_LINES.id,)))

    def _add(self, function: Function, texts: list[str]) -> None:
        assert len(texts) == len(function.lines), function.qualified_name
        start = len(self.lines)
        self.removals.extend(replace(item, before=start + item.before) for item in function.removals)
        self.lines.extend(replace(line, text=text) for text, line in zip(texts, function.lines, strict=True))


def _first_upstream_line(function: Function) -> int | None:
    """The 1-based upstream line that a function begins on, its comments included; None when a rule added it."""
    groups = [*(line.replaces for line in function.lines), *(item.upstream for item in function.removals)]
    own = [line.upstream for line in function.lines if line.upstream is not None]
    return min([*own, *(number for group in groups for number in group)], default=None)


def _indented(code: Code) -> list[str]:
    """A method's lines as they stand in a class body; text inside strings keeps its own indentation."""
    return indented(code.text, INDENT, kept_lines(code.tree)).splitlines()


def _docstring(node: ast.ClassDef, lines: tuple[str, ...]) -> list[Line]:
    """The lines of a class's docstring, as upstream wrote them."""
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return []
    if not isinstance(first.value.value, str):
        return []
    last = first.end_lineno or first.lineno
    return [Line(lines[number - 1], upstream=number) for number in range(first.lineno, last + 1)]
