"""One layout for every source: a statement a line, four blanks for each block, the usual line breaks.

What is edited later is edited by whole lines. A file that is laid out otherwise is brought to this layout first, with
the line of the file that each line of the result comes from; what a string holds stays as it is.
"""

from __future__ import annotations

import ast
import io
import re
import token
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

INDENT = 4
_BYTE_ORDER_MARK = "\ufeff"
# What `str.splitlines` takes for the end of a line, and Python's parser does not.
_ENDS_FOR_SOME = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")
_TABS_IN_FRONT = re.compile(r"^ *\t", re.MULTILINE)
_FORM_FEEDS_IN_FRONT = re.compile(r"^[ \t\f]*\f", re.MULTILINE)
# A string that knows escapes and holds nothing but text.
_PLAIN_STRING = re.compile(r"[bBuU]?['\"]")
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
# From Python 3.12 on, a formatted string is a run of tokens.
_STRING_STARTS = {getattr(token, "FSTRING_START", None)}
_STRING_ENDS = {getattr(token, "FSTRING_END", None)}


@dataclass(frozen=True)
class PlainLayout:
    """A source in the one layout.

    Attributes:
        origins: for every line of `text`, the 1-based line of the source that it comes from.
    """

    text: str
    origins: tuple[int, ...]


def with_usual_ends(source: str) -> str:
    """A source as Python reads it from a file: without a byte order mark, its lines ended by one character."""
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    return source.removeprefix(_BYTE_ORDER_MARK)


def is_plain(source: str, tree: ast.Module) -> bool:
    """Whether a source with the usual line ends, which `tree` was parsed from, has the one layout already."""
    lines = source.splitlines()
    if len(lines) != source.count("\n") or ("\t" in source and _TABS_IN_FRONT.search(source)):
        return False
    return _is_block_plain(tree.body, 0, lines)


def _is_block_plain(block: Sequence[ast.AST], width: int, lines: Sequence[str]) -> bool:
    indent = " " * width
    for item in block:
        if isinstance(item, ast.stmt):
            above = lines[item.lineno - 2] if item.lineno > 1 else ""
            if item.col_offset != width or not lines[item.lineno - 1].startswith(indent) or above.endswith("\\"):
                return False
        for field in _BLOCKS:
            inner = getattr(item, field, None)
            if isinstance(inner, list) and inner and not _is_empty_class(item, inner):
                is_beside = field == "handlers" or _is_elif(item, field, inner, lines)
                if not _is_block_plain(inner, width if is_beside else width + INDENT, lines):
                    return False
    return True


def _is_empty_class(item: ast.AST, block: Sequence[ast.AST]) -> bool:
    """Whether a class is written on one line, `class A(B): ...`: there is nothing in it to edit."""
    return isinstance(item, ast.ClassDef) and len(block) == 1 and isinstance(block[0], ast.Pass | ast.Expr)


def _is_elif(holder: ast.AST, field: str, block: Sequence[ast.AST], lines: Sequence[str]) -> bool:
    first = block[0]
    if field != "orelse" or len(block) > 1 or not isinstance(holder, ast.If) or not isinstance(first, ast.If):
        return False
    return lines[first.lineno - 1].lstrip().startswith("elif")


def plain_layout(source: str) -> PlainLayout:
    """A source with the usual line ends, which is valid Python, in the one layout.

    A character in a string that ends a line for some readers is written as an escape, where the string knows escapes.
    """
    if _ENDS_FOR_SOME.search(source):
        source = _without_odd_ends(source)
    lines = source.removesuffix("\n").split("\n")
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    # The tree counts columns in bytes, tokens count them in characters.
    starts = {(node.lineno, len(lines[node.lineno - 1].encode()[: node.col_offset].decode())) for node in statements}
    writer = _Writer(lines, starts)
    for item in _tokens(source):
        writer.take(item)
    return PlainLayout("".join(f"{text}\n" for text, _ in writer.written), tuple(line for _, line in writer.written))


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(source.removesuffix("\n") + "\n", newline="\n").readline)


def _without_odd_ends(source: str) -> str:
    """A source without the characters that end a line for some readers only, but for strings that know no escapes."""
    starts = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
    pieces: list[str] = []
    at = 0
    for item in _tokens(source):
        if item.type == tokenize.COMMENT:
            text = _ENDS_FOR_SOME.sub(" ", item.string)
        elif item.type == tokenize.STRING and _PLAIN_STRING.match(item.string):
            text = _ENDS_FOR_SOME.sub(_escape, item.string)
        elif item.type == tokenize.STRING:
            text = item.string
        else:
            continue
        (first, column), (last, end) = item.start, item.end
        pieces += [_plain_blanks(source[at : starts[first - 1] + column]), text]
        at = starts[last - 1] + end
    return "".join([*pieces, _plain_blanks(source[at:])])


def _plain_blanks(code: str) -> str:
    """Code without strings and comments, without form feeds, which indent from the start of the line."""
    return _FORM_FEEDS_IN_FRONT.sub("", code).replace("\f", " ")


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class _Writer:
    """Takes the tokens of a source and writes its lines anew.

    Attributes:
        written: each line with the line of the source that it comes from.
    """

    def __init__(self, lines: Sequence[str], starts: set[tuple[int, int]]) -> None:
        self.written: list[tuple[str, int]] = []
        self._lines = lines
        self._starts = starts
        self._widths = [0]
        self._widths_before = [0]
        self._between: list[tokenize.TokenInfo] = []
        self._statement: list[tokenize.TokenInfo] = []

    def take(self, item: tokenize.TokenInfo) -> None:
        """Go on by one token."""
        if item.type == tokenize.INDENT:
            self._widths.append(_width(item.string))
        elif item.type == tokenize.DEDENT:
            self._widths.pop()
        elif item.type == tokenize.ENDMARKER:
            self._write_between()
        elif item.type == tokenize.NEWLINE:
            self._write_statements()
        elif not self._statement and item.type in (tokenize.COMMENT, tokenize.NL):
            self._between.append(item)
        else:
            if not self._statement:
                self._write_between()
            self._statement.append(item)

    def _write_between(self) -> None:
        """Blank lines and comments; a comment belongs to the innermost block that it is indented for."""
        widths = max(self._widths, self._widths_before, key=len)
        commented = {item.start[0] for item in self._between if item.type == tokenize.COMMENT}
        for item in self._between:
            number, column = item.start
            if item.type == tokenize.COMMENT:
                indented = _width(self._lines[number - 1][:column])
                level = max(index for index, width in enumerate(widths) if width <= indented)
                self.written.append((" " * INDENT * level + item.string, number))
            elif number not in commented:
                self.written.append(("", number))
        self._between = []
        self._widths_before = list(self._widths)

    def _write_statements(self) -> None:
        """The statements of one logical line, each on a line of its own; those behind a header are its block."""
        pieces: list[list[tokenize.TokenInfo]] = [[]]
        for item in self._statement:
            if pieces[-1] and item.start in self._starts:
                pieces.append([])
            pieces[-1].append(item)
        level = len(self._widths) - 1
        for index, piece in enumerate(pieces):
            is_below = index > 0 and pieces[0][-1].string == ":"
            self._write(piece, " " * INDENT * (level + is_below))
        self._statement = []
        self._widths_before = list(self._widths)

    def _write(self, piece: list[tokenize.TokenInfo], indent: str) -> None:
        """One statement, or the header of one, with the comment behind it."""
        comment = f"  {piece.pop().string}" if piece[-1].type == tokenize.COMMENT else ""
        while piece[-1].string == ";":
            piece.pop()
        (first, column), (last, end) = piece[0].start, piece[-1].end
        moved = len(indent) - _width(_blanks_of(self._lines[first - 1]))
        in_strings = _lines_in_strings(piece)
        for number in range(first, last + 1):
            line = self._lines[number - 1]
            text = line[:end] if number == last else line
            if number == first:
                text = indent + text[column:]
            elif number not in in_strings:
                text = (" " * max(moved + _width(_blanks_of(text)), 0) + text.lstrip()).rstrip(" ")
            self.written.append((text + comment if number == last else text, number))


def _lines_in_strings(items: Sequence[tokenize.TokenInfo]) -> set[int]:
    """The lines that begin inside a string."""
    found: set[int] = set()
    opened: list[int] = []
    for item in items:
        if item.type in _STRING_STARTS:
            opened.append(item.start[0])
        elif item.type in _STRING_ENDS:
            found.update(range(opened.pop() + 1, item.end[0] + 1))
        elif item.type == tokenize.STRING:
            found.update(range(item.start[0] + 1, item.end[0] + 1))
    return found


def _blanks_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _width(blanks: str) -> int:
    """The column that blanks and tabs lead to."""
    return len(blanks.expandtabs(8))
