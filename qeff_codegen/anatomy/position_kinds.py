"""Recognise a model of text whose positions are of several kinds, as those of images are, and all the same for text.

Given one position for each token, it takes it for every kind: for the place in the text as for time, height and width.
"""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import find
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

# One position a token, taken for all kinds; then the kind that says where a token stands, set apart from the others.
SPREAD = Pattern("position_ids = position_ids[None, ...].expand($kinds, position_ids.shape[0], -1)")
SET_APART = Pattern("""
if position_ids.ndim == 3 and position_ids.shape[0] == $kinds:
    $text = position_ids[0]
    position_ids = position_ids[1:]
else:
    $text = None
""")


def text_positions(function: ast.FunctionDef) -> str | None:
    """What a forward calls the positions in the text, where all kinds of position are the same."""
    spread = [found for node in find(ast.Assign, function) if (found := match(SPREAD, node)) is not None]
    apart = [found for node in find(ast.If, function) if (found := match(SET_APART, node)) is not None]
    if len(spread) != 1 or len(apart) != 1 or not apart[0].are_names("text"):
        return None
    return apart[0].name("text") if spread[0].spelled("kinds") == apart[0].spelled("kinds") else None
