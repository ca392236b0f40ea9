"""Code with placeholders, filled in with what a match bound."""

from __future__ import annotations

import ast

from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.precedence import as_piece
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
        return as_piece(edits.text_of(bound), before, after)

    pieces: list[str] = []
    at = 0
    for item in PLACEHOLDER.finditer(template):
        pieces.append(template[at : item.start()])
        pieces.append(text(item["name"], template[: item.start()], template[item.end() :]))
        at = item.end()
    return "".join([*pieces, template[at:]])
