"""The same modeling file, written in another way: nothing that reads it may tell the difference."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise

import black

from qeff_codegen.codemod.layout import kept_lines

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


def in_two_blanks(source: str) -> str:
    """The file with two blanks for each block."""
    return _indented_by(source, "  ")


def in_tabs(source: str) -> str:
    """The file with a tab for each block."""
    return _indented_by(source, "\t")


def packed(source: str) -> str:
    """The file with as many statements on a line as Python lets stand there, and blocks behind their headers."""
    lines = source.split("\n")
    joined: dict[int, str] = {}
    for holder in ast.walk(ast.parse(source)):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(holder, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                joined |= _joined(block, None if isinstance(holder, ast.Module) else holder, lines)
    text = ""
    for number, line in enumerate(lines, start=1):
        text += (joined[number - 1] + line.lstrip() if number - 1 in joined else f"\n{line}") if number > 1 else line
    return text


def in_other_line_ends(source: str) -> str:
    """The file as some editors save it: lines ended by two characters."""
    return source.replace("\n", "\r\n")


DISGUISES: tuple[Disguise, ...] = (in_narrow_lines, annotated)
LAYOUTS: tuple[Disguise, ...] = (in_two_blanks, in_tabs, packed, in_other_line_ends)


def _indented_by(source: str, indent: str) -> str:
    kept = kept_lines(ast.parse(source))
    lines = []
    for number, line in enumerate(source.split("\n"), start=1):
        blanks = len(line) - len(line.lstrip(" "))
        level, rest = divmod(blanks, 4)
        lines.append(line if number in kept else indent * level + " " * rest + line[blanks:])
    return "\n".join(lines)


def _joined(block: list[ast.stmt], holder: ast.AST | None, lines: list[str]) -> dict[int, str]:
    """Line ends inside a block of simple statements, and the one in front of it, with what may stand for them."""
    ends = {
        item.end_lineno or 0: "; "
        for item, following in pairwise(block)
        if _is_simple(item) and _is_simple(following) and _is_next(item, following, lines)
    }
    header = block[0].lineno - 1
    all_joined = len(ends) == len(block) - 1 and _is_simple(block[-1])
    if holder is not None and all_joined and lines[header - 1].endswith(":"):
        ends[header] = " "
    return ends


def _is_simple(statement: ast.stmt) -> bool:
    return not hasattr(statement, "body") and not isinstance(statement, ast.Match)


def _is_next(item: ast.stmt, following: ast.stmt, lines: list[str]) -> bool:
    """Whether nothing but a line end stands between two statements."""
    end = item.end_lineno or 0
    return following.lineno == end + 1 and len(lines[end - 1].encode()) == item.end_col_offset


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
