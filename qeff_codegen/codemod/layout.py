"""Where things stand in source text: indentation, lines, and the brackets around an expression."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from itertools import accumulate

from qeff_codegen.codemod.tree import find

INDENT = "    "
# Strings and comments hold brackets that mean nothing; longer openings first.
_TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|(?:'''(?:\\.|[^\\])*?'''|\"{3}(?:\\.|[^\\])*?\"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))"""
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:\s|\\\n|#[^\n]*(?:\n|$))*")


class Places:
    """Turns places of a syntax tree into offsets in the text that it was parsed from."""

    def __init__(self, text: str) -> None:
        self.text = text
        lines = text.splitlines(keepends=True)
        self._starts = [0, *accumulate(len(line) for line in lines)]
        # `ast` counts columns in bytes.
        self._wide = {} if text.isascii() else {i: line for i, line in enumerate(lines) if not line.isascii()}
        self._opened: list[tuple[int, int]] | None = None

    def offset(self, line: int, column: int) -> int:
        """The offset of a 1-based line and a column in bytes."""
        if line - 1 in self._wide:
            column = len(self._wide[line - 1].encode()[:column].decode())
        return self._starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.arguments) -> tuple[int, int]:
        """Where a node begins and ends; parentheses around it are not part of it."""
        line, column, end_line, end_column = (
            getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")
        )
        return self.offset(line, column), self.offset(end_line, end_column)

    def line_start(self, line: int) -> int:
        """The offset at which a 1-based line begins; one past the last line is the text's end."""
        return self._starts[min(line - 1, len(self._starts) - 1)]

    def brackets(self) -> list[tuple[int, int]]:
        """Every pair of brackets outside of strings and comments, by the place of the opening one."""
        if self._opened is None:
            pending: list[int] = []
            pairs: list[tuple[int, int]] = []
            for found in _TOKEN.finditer(self.text):
                if found.lastgroup == "open":
                    pending.append(found.start())
                elif found.lastgroup == "close":
                    pairs.append((pending.pop(), found.start()))
            self._opened = sorted(pairs)
        return self._opened

    def around(self, start: int, end: int) -> tuple[int, int] | None:
        """The innermost pair of brackets with nothing but blanks and comments between it and a span."""
        pairs = self.brackets()
        index = bisect_left(pairs, (start, -1)) - 1
        while index >= 0:
            opened, closed = pairs[index]
            if closed >= end:
                inside = self.text[opened + 1 : start], self.text[end:closed]
                return (opened, closed) if all(_BLANK.fullmatch(text) for text in inside) else None
            index -= 1
        return None


def kept_lines(tree: ast.AST) -> set[int]:
    """Lines, 1-based, that begin inside a string: their blanks are the string's and no indentation."""
    strings = (*find(ast.Constant, tree), *find(ast.JoinedStr, tree))
    return {line for node in strings for line in range(node.lineno + 1, (node.end_lineno or 0) + 1)}


def lines_in_strings(text: str) -> set[int]:
    """Lines of statements' text, 1-based, that begin inside a string; none of text that is no statements by itself."""
    if not any(mark in text for mark in ('"""', "'''", "\\\n")):
        return set()
    try:
        return kept_lines(ast.parse(text))
    except SyntaxError:
        return set()


def indented(text: str, indent: str, kept: set[int] | frozenset[int] = frozenset()) -> str:
    """`text` with `indent` before every line that is not blank; lines in `kept`, 1-based, stay."""
    lines = text.split("\n")
    return "\n".join(
        line if number in kept or not line.strip() else indent + line for number, line in enumerate(lines, start=1)
    )
