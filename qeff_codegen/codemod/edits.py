"""Changes to one function's source, each at the place of a node, made all at once.

An edit that takes the place of others swallows them, so a node can be rewritten after what is inside it. Statements
are changed by whole lines: the comments and blank lines above a statement belong to it.
"""

from __future__ import annotations

import ast
from bisect import insort
from collections.abc import Sequence

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.layout import INDENT, indented, lines_in_strings
from qeff_codegen.codemod.precedence import in_its_place


class Edits:
    """Edits of one `Code`, whose nodes they take; `done` gives the `Code` that they make.

    Args:
        code: what is edited.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self._edits: list[tuple[int, int, str]] = []
        self._removed: set[ast.stmt] = set()

    def __bool__(self) -> bool:
        return bool(self._edits)

    def replace(self, node: ast.expr | ast.keyword, text: str) -> None:
        """Put an expression in the place of another, whose parentheses go with it.

        Parentheses are put around `text` where it would be read as a part of what stands around it.
        """
        self._put(*self.code.span(node), in_its_place(text, node, self.code))

    def text_of(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        """A node's source with the edits inside of it made."""
        return self._between(*self.code.span(node))

    def insert(self, offset: int, text: str) -> None:
        """Put `text` before the character at an offset."""
        self._put(offset, offset, text)

    def put(self, start: int, end: int, text: str) -> None:
        """Put `text` in the place of what stands between two offsets."""
        self._put(start, end, text)

    def remove(self, statement: ast.stmt) -> None:
        """Take a statement away, with the comments and blank lines above it; an emptied block is left with `pass`."""
        self._removed.add(statement)
        start, end = self._lines_of(statement)
        block = self.code.block_of(statement)
        is_emptied = all(item in self._removed for item in block)
        self._put(start, end, f"{self.indent_of(statement)}pass\n" if is_emptied else "")

    def replace_statement(self, statement: ast.stmt, text: str) -> None:
        """Put statements, given at indentation 0, in the place of one; what stands above it stays above them.

        No text takes the statement away and leaves what stands above it to the next one.
        """
        self.replace_statements([statement], text)

    def replace_statements(self, statements: Sequence[ast.stmt], text: str) -> None:
        """Put statements in the place of several that follow one another; what stands above the first one stays."""
        start, end = self._own_start(statements[0]), self._lines_of(statements[-1])[1]
        self._put(start, end, self._laid_out(text, statements[0]))

    def insert_above(self, statement: ast.stmt, text: str) -> None:
        """Put statements right after what stands before `statement`: above its comments and blank lines."""
        self.insert(self._lines_of(statement)[0], self._laid_out(text, statement))

    def insert_below(self, statement: ast.stmt, text: str) -> None:
        """Put statements right after `statement`."""
        self.insert(self._lines_of(statement)[1], self._laid_out(text, statement))

    def insert_under_gap(self, statement: ast.stmt, text: str) -> None:
        """Put statements above `statement` and its comments, and below the blank lines above these."""
        start, own = self._lines_of(statement)[0], self._own_start(statement)
        above = self.code.text[start:own].splitlines(keepends=True)
        blank = [line for line in above if not line.strip()]
        comments = [line for line in above if line.strip()]
        self._put(start, own, "".join(blank) + self._laid_out(text, statement) + "".join(comments))

    def above(self, statement: ast.stmt) -> list[str]:
        """The comments and blank lines above a statement, at indentation 0; what `replace_above` replaces."""
        start, own = self._lines_of(statement)[0], self._own_start(statement)
        return self._dedented(start, own, statement).splitlines()

    def replace_above(self, statement: ast.stmt, lines: Sequence[str]) -> None:
        """Put lines, given at indentation 0, in the place of the comments and blank lines above a statement."""
        text = "".join(f"{line}\n" for line in lines)
        self._put(self._lines_of(statement)[0], self._own_start(statement), indented(text, self.indent_of(statement)))

    def comment(self, statement: ast.stmt, text: str) -> None:
        """Put a comment in the place of those above `statement`; the blank lines above them stay."""
        start, own = self._lines_of(statement)[0], self._own_start(statement)
        blank = [line for line in self.code.text[start:own].splitlines(keepends=True) if not line.strip()]
        self._put(start, own, "".join(blank) + self._laid_out(text, statement))

    def statement_text(self, statement: ast.stmt) -> str:
        """A statement's lines at indentation 0, with the edits inside of it made, without what stands above it."""
        return self._dedented(self._own_start(statement), self._lines_of(statement)[1], statement)

    def statement_with_comments(self, statement: ast.stmt) -> str:
        """A statement's lines at indentation 0, with the edits inside, and the comments and blank lines above it."""
        return self._dedented(*self._lines_of(statement), statement)

    def indent_of(self, statement: ast.stmt) -> str:
        """The blanks that a statement begins with."""
        own = self._own_start(statement)
        line = self.code.text[own : self.code.places.span(statement)[0]]
        return line[: len(line) - len(line.lstrip())] if line.strip() else line

    def done(self) -> Code:
        """The function with all edits made."""
        return self.code.with_text(self._between(0, len(self.code.text))) if self._edits else self.code

    def _put(self, start: int, end: int, text: str) -> None:
        # What is put right before the place stays there.
        inside = [item for item in self._edits if start <= item[0] < end and item[1] <= end and start < item[1]]
        for item in inside:
            self._edits.remove(item)
        across = [item for item in self._edits if item[0] < end and start < item[1] and item not in inside]
        assert not across, "an edit reaches into another one"
        if start == end:
            # What is put at one place stands in the order in which it came.
            index = len([item for item in self._edits if item[:2] <= (start, end)])
            self._edits.insert(index, (start, end, text))
        else:
            insort(self._edits, (start, end, text), key=lambda item: item[:2])

    def _between(self, start: int, end: int) -> str:
        pieces: list[str] = []
        at = start
        for first, last, text in self._edits:
            if first < start or last > end:
                continue
            pieces += [self.code.text[at:first], text]
            at = last
        return "".join([*pieces, self.code.text[at:end]])

    def _own_start(self, statement: ast.stmt) -> int:
        decorators = getattr(statement, "decorator_list", [])
        return self.code.places.line_start(min([statement.lineno, *(item.lineno for item in decorators)]))

    def _lines_of(self, statement: ast.stmt) -> tuple[int, int]:
        """The offsets of a statement's lines, with the comments and blank lines above it."""
        block = self.code.block_of(statement)
        at = next(index for index, item in enumerate(block) if item is statement)
        end = self.code.places.line_start((statement.end_lineno or statement.lineno) + 1)
        own = self._own_start(statement)
        lines = self.code.text[:own].splitlines(keepends=True)
        earliest = (block[at - 1].end_lineno or 0) if at else 0
        width = len(self.indent_of(statement))
        first = len(lines)
        while first > earliest and _stands_above(lines[first - 1], width):
            first -= 1
        return self.code.places.line_start(first + 1), end

    def _laid_out(self, text: str, statement: ast.stmt) -> str:
        """Statements at the indentation of `statement`, ending with a line break; nothing for no text."""
        text = text.strip("\n")
        if not text:
            return ""
        return indented(text, self.indent_of(statement), lines_in_strings(text)) + "\n"

    def _dedented(self, start: int, end: int, statement: ast.stmt) -> str:
        indent = self.indent_of(statement)
        text = self._between(start, end)
        # Below a line that explains its indentation.
        inside = lines_in_strings(f"if True:\n{text}") if indent and text.strip() else set()
        lines = enumerate(text.splitlines(keepends=True), start=2)
        return "".join(line if number in inside else line.removeprefix(indent) for number, line in lines)


def _stands_above(line: str, width: int) -> bool:
    """Whether a line is blank, or a comment that is not indented further than the statement below it."""
    text = line.lstrip()
    return not text.strip() or (text.startswith("#") and len(line) - len(text) <= width)


def block_text(statements: Sequence[str]) -> str:
    """Statements at indentation 0 as the body of a compound statement."""
    ended = (text if text.endswith("\n") else text + "\n" for text in statements)
    return "".join(indented(text, INDENT, lines_in_strings(text)) for text in ended)
