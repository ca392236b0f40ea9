"""Changing a file's text at the places of its syntax tree, so that everything else stays as it was written."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FunctionNode = ast.FunctionDef


@dataclass(frozen=True)
class Edit:
    """Replace the bytes from `start` to `end` of the file by `text`; an insertion when they are equal."""

    start: int
    end: int
    text: str


class Text:
    """One file: its bytes and its tree.

    Args:
        source: the file's text.

    Raises:
        SyntaxError: it is not Python.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._bytes = source.encode()
        self._line_starts = [0]
        for line in self._bytes.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends, in bytes."""
        located: ast.expr | ast.stmt | ast.arg | ast.keyword = node  # type: ignore[assignment]
        assert located.end_lineno is not None and located.end_col_offset is not None
        start = self._line_starts[located.lineno - 1] + located.col_offset
        return start, self._line_starts[located.end_lineno - 1] + located.end_col_offset

    def replace(self, node: ast.AST, text: str) -> Edit:
        """Put `text` in a node's place."""
        return Edit(*self.span(node), text)

    def before(self, statement: ast.stmt, line: str) -> Edit:
        """Insert a line (or several, separated by newlines) above a statement, with its indentation."""
        start = self._line_starts[statement.lineno - 1]
        indent = " " * statement.col_offset
        return Edit(start, start, "".join(f"{indent}{item}\n" for item in line.split("\n")))

    def after(self, statement: ast.stmt, line: str) -> Edit:
        """Insert a line below a statement, with its indentation."""
        end = self.span(statement)[1]
        return Edit(end, end, f"\n{' ' * statement.col_offset}{line}")

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text with all edits made.

        Raises:
            ValueError: two edits overlap.
        """
        ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
        pieces: list[bytes] = []
        position = 0
        for edit in ordered:
            if edit.start < position:
                raise ValueError("two edits overlap")
            pieces += [self._bytes[position : edit.start], edit.text.encode()]
            position = edit.end
        return b"".join([*pieces, self._bytes[position:]]).decode()


def on_one_line(text: str) -> str:
    """An expression's text in parentheses, so that it may stand anywhere, over as many lines as it likes."""
    return f"({text})"


def simple_statements(function: FunctionNode) -> list[ast.stmt]:
    """Every statement of a function that holds no others and has its lines to itself, docstrings excluded."""
    simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
    return [
        node
        for node in walk(function)
        if isinstance(node, simple) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]


def bodies(function: FunctionNode) -> Iterator[list[ast.stmt]]:
    """Every block of statements in a function."""
    for node in walk(function):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def walk(function: FunctionNode) -> Iterator[ast.AST]:
    """The nodes of a function's body, in no order that means anything but always the same."""
    for statement in function.body:
        yield from ast.walk(statement)


def expressions(function: FunctionNode) -> Iterator[ast.expr]:
    """Every expression in a function's body; what stands in f-strings and annotations is left out."""
    hidden = {
        id(inner)
        for node in walk(function)
        if isinstance(node, (ast.JoinedStr, ast.AnnAssign))
        for inner in ast.walk(node if isinstance(node, ast.JoinedStr) else node.annotation)
    }
    for node in walk(function):
        if isinstance(node, ast.expr) and id(node) not in hidden:
            yield node


def reached_functions(tree: ast.Module, causal_lm: str) -> list[tuple[str, FunctionNode]]:
    """Functions and methods that the causal LM's classes name, directly or not, with their qualified names.

    Weight initialisation is left out: the laboratory draws the weights itself.
    """
    known = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    pending, reached = [causal_lm], []
    while pending:
        name = pending.pop(0)
        if name in reached or name not in known:
            continue
        reached.append(name)
        pending += [item.id for item in ast.walk(known[name]) if isinstance(item, ast.Name)]
    found: list[tuple[str, FunctionNode]] = []
    for name in reached:
        node = known[name]
        if isinstance(node, ast.FunctionDef):
            found.append((name, node))
        else:
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            found += [(f"{name}.{item.name}", item) for item in methods if item.name != "_init_weights"]
    return found
