"""Put the generated modeling file together from the functions the rules have finished with."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

import libcst as cst

from qeff_codegen.emit.formatting import formatted
from qeff_codegen.emit.header import header
from qeff_codegen.emit.imports import global_names, import_block, resolve
from qeff_codegen.engine.draft import Draft, Function, code_of
from qeff_codegen.engine.finished_module import PREFIX
from qeff_codegen.engine.provenance import Line, Removal, follow, origin
from qeff_codegen.errors import Refusal
from qeff_codegen.generated_model import Edit

SCAFFOLD = "emit"
FORMATTER = "black"


@dataclass(frozen=True)
class ModelingFileText:
    """The finished text with what is known about it.

    Attributes:
        lines: every line of `code`, with where it comes from.
    """

    code: str
    edits: tuple[Edit, ...]
    imports: dict[str, str]
    defined: frozenset[str]
    lines: tuple[Line, ...]


def assemble(draft: Draft) -> ModelingFileText:
    """Header, imports, then functions and `QEff*` classes in upstream's order, formatted with black.

    Raises:
        Refusal: a name resolves to nothing, or a method would mean something else in a subclass.
    """
    body = _Body()
    emitted = _emitted(draft)
    for name in _upstream_order(draft):
        functions = [item for item in emitted if name in (item.owner, item.qualified_name)]
        if functions and functions[0].owner is None:
            body.function(functions[0])
        elif functions:
            body.cls(draft, name, functions)
    found, unknown = resolve(global_names(body.text) - body.defined, draft.anatomy.file)
    if unknown:
        file = draft.anatomy.file
        reading = next(index for index, line in enumerate(body.lines) if re.search(rf"\b{unknown[0]}\b", line.text))
        line = origin(body.lines, reading, file.lines)
        raise Refusal(
            f"generated code would use `{unknown[0]}`, which upstream's file does not define",
            rule=SCAFFOLD,
            location=file.location(line or draft.anatomy.causal_lm.cls.node.lineno),
            next_step="a rule introduces this name without saying where it is imported from",
        )
    top = f"{header(draft.anatomy.file.upstream)}\n\n{import_block(found)}\n\n\n"
    lines = [*(Line(text, rules=(SCAFFOLD,)) for text in top.splitlines()), *body.lines]
    removals = [replace(item, before=item.before + len(top.splitlines())) for item in body.removals]
    code = formatted(top + body.text)
    lines, removals = follow(lines, removals, code, FORMATTER)
    return ModelingFileText(
        code,
        _edits(lines, removals),
        {name: module for name, (module, _) in found.items()},
        frozenset(body.defined),
        tuple(lines),
    )


class _Body:
    """Classes and functions as text, with the provenance of every line."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.removals: list[Removal] = []
        self.defined: set[str] = set()

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines) + "\n"

    def scaffold(self, *texts: str) -> None:
        self.lines.extend(Line(text, rules=(SCAFFOLD,)) for text in texts)

    def function(self, function: Function) -> None:
        self.defined.add(function.name)
        self._add(function, code_of(function.node).splitlines())
        self.scaffold("", "")

    def cls(self, draft: Draft, name: str, functions: list[Function]) -> None:
        self.defined.add(PREFIX + name)
        self.scaffold(f"class {PREFIX}{name}({name}):")
        docstring = _docstring(draft.anatomy.file.classes[name].node, draft.anatomy.file.lines)
        self.lines.extend(docstring)
        for index, function in enumerate(functions):
            if index or docstring:
                self.scaffold("")
            self._add(function, _indented(function.node))
        self.scaffold("", "")

    def _add(self, function: Function, texts: list[str]) -> None:
        assert len(texts) == len(function.lines), function.qualified_name
        start = len(self.lines)
        self.removals.extend(replace(item, before=start + item.before) for item in function.removals)
        self.lines.extend(replace(line, text=text) for text, line in zip(texts, function.lines, strict=True))


def _indented(node: cst.FunctionDef) -> list[str]:
    """A method's lines as they stand in a class body; text inside strings keeps its own indentation."""
    cls = cst.ClassDef(cst.Name("_"), cst.IndentedBlock([node]))
    return cst.Module([cls]).code.splitlines()[1:]


def _docstring(node: ast.ClassDef, lines: tuple[str, ...]) -> list[Line]:
    """The lines of a class's docstring, as upstream wrote them."""
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return []
    if not isinstance(first.value.value, str):
        return []
    last = first.end_lineno or first.lineno
    return [Line(lines[number - 1], upstream=number) for number in range(first.lineno, last + 1)]


def _upstream_order(draft: Draft) -> list[str]:
    file = draft.anatomy.file
    places = {name: cls.node.lineno for name, cls in file.classes.items()}
    places.update({name: function.lineno for name, function in file.functions.items()})
    return sorted(places, key=lambda name: places[name])


def _emitted(draft: Draft) -> list[Function]:
    """Functions that differ from upstream's, every forward, and what would otherwise call an unchanged twin."""
    reached = _reached(draft)
    chosen = [item for item in reached if item.added or item.changed or item.is_forward]
    local = {item.name for item in chosen if item.owner is None}
    for item in reached:
        if item not in chosen and local & _reads(item):
            chosen.append(item)
    for item in chosen:
        if not item.added and "super(" in code_of(item.node):
            raise Refusal(
                f"`{item.qualified_name}` calls `super()`, which means another class in the class that replaces it",
                rule=SCAFFOLD,
                location=draft.location(item),
                next_step="a rule must name the class that is meant",
            )
    order = {id(item): index for index, item in enumerate(draft.functions)}
    return sorted(chosen, key=lambda item: order[id(item)])


def _reached(draft: Draft) -> list[Function]:
    """Functions that something still calls after the rules: what only dropped code called stays upstream's."""
    parts = {part.name: part for part in draft.anatomy.replaced}
    pending = [
        item
        for item in draft.functions
        if item.added or item.is_forward or (item.owner in parts and item.name in parts[item.owner].entries)
    ]
    reached = list(pending)
    while pending:
        tree = ast.parse(code_of(pending.pop().node))
        called = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(tree)}
        new = [item for item in draft.functions if item.name in called and item not in reached]
        reached += new
        pending += new
    return [item for item in draft.functions if item in reached]


def _reads(function: Function) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code_of(function.node))) if isinstance(node, ast.Name)}


def _edits(lines: list[Line], removals: list[Removal]) -> tuple[Edit, ...]:
    """Runs of lines that the same rules made, and removals, in the order of the generated file."""
    edits: list[tuple[int, Edit]] = []
    start = 0
    while start < len(lines):
        line = lines[start]
        end = start
        while end + 1 < len(lines) and _same_hunk(lines[end + 1], line):
            end += 1
        if line.upstream is None and line.rules:
            span = (min(line.replaces), max(line.replaces)) if line.replaces else None
            edits.extend((start, Edit(rule, line.function, span, (start + 1, end + 1))) for rule in line.rules)
        start = end + 1
    for removal in removals:
        span = (min(removal.upstream), max(removal.upstream))
        edits.extend((removal.before, Edit(rule, removal.function, span, None)) for rule in removal.rules)
    return tuple(edit for _, edit in sorted(edits, key=lambda item: item[0]))


def _same_hunk(line: Line, other: Line) -> bool:
    return line.rules == other.rules and line.replaces == other.replaces and line.function == other.function
