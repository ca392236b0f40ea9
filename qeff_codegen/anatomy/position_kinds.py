"""Recognise a model whose positions are of several kinds, as those of images are, and all the same for text.

Given one position for each token, it takes it for every kind: for the place in the text as for time, height and width.
Some count the place in the text among the kinds that they spread one position to, others take it beside them.
"""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

# What a model is handed beside `position_ids`, where an image's tokens have a position of each kind: `[kinds, batch,
# tokens]`.
SECTIONS = "position_sections"
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
    return apart[0].name("text") if _are_kinds(spread[0]["kinds"], apart[0]["kinds"]) else None


def _are_kinds(spread: ast.AST, given: ast.AST) -> bool:
    """Whether a position is spread to as many kinds as are given, or to all but that in the text."""
    if isinstance(given, ast.BinOp) and isinstance(given.op, ast.Add) and spelled(given.right) == "1":
        return spelled(spread) == spelled(given.left)
    numbers = [
        item.value for item in (spread, given) if isinstance(item, ast.Constant) and isinstance(item.value, int)
    ]
    return spelled(spread) == spelled(given) or (len(numbers) == 2 and numbers[0] + 1 == numbers[1])
