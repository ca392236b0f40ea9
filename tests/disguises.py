"""The same modeling file, written in another way: nothing that reads it may tell the difference."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import black

NARROW = 60
Disguise = Callable[[str], str]


def in_narrow_lines(source: str) -> str:
    """The file with black's layout for short lines: the same syntax tree, most statements over several lines."""
    return black.format_str(source, mode=black.Mode(line_length=NARROW))


def annotated(source: str) -> str:
    """The file with every local annotated wherever it is bound alone: `x = v` is `x: object = v`."""
    lines = source.encode().splitlines(keepends=True)
    targets = [target for function in _functions(ast.parse(source)) for target in _bound_alone(function)]
    # From the end on, so that places before it stay where they are; columns of `ast` count bytes.
    for target in sorted(targets, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0), reverse=True):
        number, column = (target.end_lineno or 0) - 1, target.end_col_offset or 0
        lines[number] = lines[number][:column] + b": object" + lines[number][column:]
    return b"".join(lines).decode()


DISGUISES: tuple[Disguise, ...] = (in_narrow_lines, annotated)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def _bound_alone(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Name]:
    """The targets of assignments to one local of a function; functions and classes inside it are not looked into."""
    statements = list(_statements(function.body))
    # Python lets no name be annotated that is declared to stand elsewhere.
    declared = {name for item in statements if isinstance(item, (ast.Global, ast.Nonlocal)) for name in item.names}
    assignments = [item for item in statements if isinstance(item, ast.Assign) and len(item.targets) == 1]
    targets = [item.targets[0] for item in assignments]
    return [
        target
        for item, target in zip(assignments, targets, strict=True)
        if isinstance(target, ast.Name) and target.id not in declared and item.col_offset == target.col_offset
    ]


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, field, []))
        for inner in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
            yield from _statements(inner.body)
