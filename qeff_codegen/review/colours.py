"""Python source as HTML, line by line: pygments says what a word is, and words that differ are marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape
from pygments.lexers.python import PythonLexer
from pygments.token import Token, is_token_subtype

# Kinds of words that have a colour of their own, by the class that gives it to them.
_CLASSES = (
    (Token.Comment, "c"),
    (Token.Literal.String, "s"),
    (Token.Literal.Number, "n"),
    (Token.Keyword, "k"),
    (Token.Operator.Word, "k"),
    (Token.Name.Builtin.Pseudo, "k"),
    (Token.Name.Decorator, "d"),
    (Token.Name.Function, "f"),
    (Token.Name.Class, "f"),
)


def coloured(lines: Sequence[str], marks: Mapping[int, Sequence[range]]) -> list[Markup]:
    """Each line of a file as HTML.

    Args:
        lines: the file's lines.
        marks: for 1-based lines, the columns to mark.
    """
    result: list[Markup] = []
    parts: list[Markup] = []
    column = 0
    for kind, value in PythonLexer(stripnl=False).get_tokens("\n".join(lines)):
        name = next((name for known, name in _CLASSES if is_token_subtype(kind, known)), "")
        for index, text in enumerate(value.split("\n")):
            if index:
                result.append(Markup().join(parts))
                parts, column = [], 0
            parts += _pieces(text, column, name, marks.get(len(result) + 1, ()))
            column += len(text)
    return result


def _pieces(text: str, column: int, name: str, marked: Sequence[range]) -> list[Markup]:
    """A word in its colour, cut where marks begin and end."""
    edges = {edge - column for span in marked for edge in (span.start, span.stop)}
    cuts = [0, *sorted(edge for edge in edges if 0 < edge < len(text)), len(text)]
    pieces = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        if start == end:
            continue
        piece = escape(text[start:end])
        if name and text[start:end].strip():
            piece = Markup('<i class="{}">{}</i>').format(name, piece)
        if any(column + start in span for span in marked):
            piece = Markup("<mark>{}</mark>").format(piece)
        pieces.append(piece)
    return pieces
