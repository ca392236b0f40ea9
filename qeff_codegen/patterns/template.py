"""Code with placeholders, filled in with what a match bound."""

from __future__ import annotations

import ast

from qeff_codegen.codemod.edits import Edits
from qeff_codegen.patterns.match import Match
from qeff_codegen.patterns.pattern import _PLACEHOLDER


def fill(template: str, found: Match, edits: Edits) -> str:
    """The text of a template: what placeholders stand for as it is written, with edits inside of it made.

    Parentheses are put around what would otherwise be read as a part of what stands around it.
    """

    def text(name: str, before: str, after: str) -> str:
        bound = found.bound[name]
        if isinstance(bound, list):
            return ", ".join(edits.text_of(item) for item in bound)  # type: ignore[arg-type]
        assert isinstance(bound, ast.expr)
        written = edits.text_of(bound)
        is_part = after[:1] in (".", "[") or after[:1] == "(" or _touches_operator(before, after)
        return f"({written})" if is_part and not _binds_tightly(bound, written) else written

    pieces: list[str] = []
    at = 0
    for item in _PLACEHOLDER.finditer(template):
        pieces.append(template[at : item.start()])
        pieces.append(text(item["name"], template[: item.start()], template[item.end() :]))
        at = item.end()
    return "".join([*pieces, template[at:]])


_OPERATORS = ("+", "-", "*", "/", "%", "@", "<", ">", "&", "|", "^", "not ", "and ", "or ", "is ", "in ", "if ", "else ")


def _touches_operator(before: str, after: str) -> bool:
    following = after.lstrip(" ")
    return before.rstrip(" ").endswith(tuple("+-*/%@<>&|^")) or (
        following.startswith(_OPERATORS) and not following.startswith("->")
    )


def _binds_tightly(node: ast.expr, written: str) -> bool:
    loose = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.UnaryOp, ast.Lambda, ast.NamedExpr, ast.Starred)
    return not isinstance(node, loose) or (written.startswith("(") and written.endswith(")"))
