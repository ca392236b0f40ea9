"""Code with placeholders, filled in with what a match bound."""

from __future__ import annotations

import ast
import re

from qeff_codegen.codemod.edits import Edits
from qeff_codegen.patterns.match import Match
from qeff_codegen.patterns.pattern import PLACEHOLDER


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
    for item in PLACEHOLDER.finditer(template):
        pieces.append(template[at : item.start()])
        pieces.append(text(item["name"], template[: item.start()], template[item.end() :]))
        at = item.end()
    return "".join([*pieces, template[at:]])


# What stands before and after an operand; a single `=` and `*` of a spread are no operators.
_BEFORE = re.compile(r"(?:[-+/%@<>&|^~]|[\w)\]] ?\*\*?|[=!]=|\b(?:not|and|or|is|in|if|else)) *$")
_AFTER = re.compile(r" *(?:[-+*/%@<>&|^]|[=!]=|\b(?:not|and|or|is|in|if|else)\b)")


def _touches_operator(before: str, after: str) -> bool:
    return _BEFORE.search(before) is not None or _AFTER.match(after) is not None


def _binds_tightly(node: ast.expr, written: str) -> bool:
    loose = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.UnaryOp, ast.Lambda, ast.NamedExpr, ast.Starred)
    return not isinstance(node, loose) or (written.startswith("(") and written.endswith(")"))
