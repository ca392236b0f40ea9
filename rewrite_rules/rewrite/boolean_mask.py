"""Select scores by a boolean mask instead of adding a large negative number.

`MIN_MASKED_ATTENTION_VALUE` is the value the compiler knows as "may not be attended to". Adding a boolean mask would
add 0 or 1 without any error, so every use of the mask must be one that is understood here.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import names_of_mask
from qeff_codegen.anatomy.mask_form import MaskForm, mask_form
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.tree import walk
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

LEAST = "MIN_MASKED_ATTENTION_VALUE"
ADDED = (pattern("$scores + $mask"), pattern("$mask + $scores"))
FILLED = pattern("{$_.masked_fill($mask, $value), $_.masked_fill($mask, value=$value)}")
# What upstream fills scores with that may not be used.
FORBIDS = pattern("{torch.finfo($_).min, float('-inf'), -torch.inf, -math.inf}")
# What may be done with a mask besides selecting scores: ask for other things than where it forbids, and slice it.
ASKED = pattern("{$_ is None, $_ is not None, $_.shape, $_.size, $_.device}")
SLICED = pattern("$rows = $mask[$_]")


class BooleanMask(Rule):
    why = "The mask is boolean, true where a score may not be used: the compiler knows the value that takes its place."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    construct = f"`{ADDED[0]}`, or `$scores.masked_fill($mask, $value)` of a boolean mask"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        mask = anatomy.mask_parameters.get(function.qualified_name)
        if mask is None:
            return code, 0
        masks = names_of_mask(code.tree, mask)
        edits = Edits(code)
        select = _select_filled if mask_form(anatomy) is MaskForm.FILLED else _select_added
        selecting = select(edits, masks)
        others = [node for node in code.nodes(ast.Name) if node.id in masks and node not in selecting]
        stray = next((node for node in others if not _is_understood(node, code, masks)), None)
        if stray is not None:
            raise Unmatched(f"`{function.qualified_name}` uses its mask in a way that is not understood", stray)
        if _most_on_one_way(code.body, selecting) != 1:
            what = f"`{function.qualified_name}` adds its mask to the scores {len(selecting)} times"
            raise Unmatched(what, code.tree)
        return edits.done(), len(selecting)


def _select_added(edits: Edits, masks: Collection[str]) -> list[ast.expr]:
    """Select scores where a mask is added to them; the places where the mask stands in these sums."""
    selecting = []
    for node in reversed(edits.code.nodes(ast.BinOp)):
        sums = [found for item in ADDED if (found := match(item, node)) is not None]
        for found in [item for item in sums if item.spelled("mask") in masks][:1]:
            scores = edits.text_of(found["scores"])
            # As an argument it needs no parentheses.
            scores = scores[1:-1] if isinstance(found["scores"], ast.IfExp) else scores
            edits.replace(node, f"torch.where({found.spelled('mask')}, {LEAST}, {scores})")
            selecting.append(found["mask"])
    return selecting


def _select_filled(edits: Edits, masks: Collection[str]) -> list[ast.expr]:
    """Name the number that scores are filled with; the places where the mask stands in these calls."""
    filled = [found for found in find_all(FILLED, edits.code) if found.spelled("mask") in masks]
    for found in filled:
        if match(FORBIDS, found["value"]) is None:
            what = "a score that may not be used is filled with another number than the least"
            raise Unmatched(what, found.node)
        edits.replace(found["value"], LEAST)
    return [found["mask"] for found in filled]


def _is_understood(node: ast.Name, code: Code, masks: Collection[str]) -> bool:
    """Whether a mask is only asked for something where it is named, or a slice of it is bound to a local."""
    holder = code.parent(node)
    sliced = match(SLICED, code.statement_of(node))
    is_sliced = sliced is not None and sliced.spelled("mask") in masks and node in (sliced["rows"], sliced["mask"])
    return is_sliced or (holder is not None and match(ASKED, holder) is not None)


def _most_on_one_way(block: list[ast.stmt], selecting: Collection[ast.AST]) -> int:
    """How often scores are selected on one way through some statements; twice would mask what is masked."""
    return sum(
        (
            max(_most_on_one_way(item.body, selecting), _most_on_one_way(item.orelse, selecting))
            if isinstance(item, ast.If)
            else sum(node in selecting for node in walk(item))
        )
        for item in block
    )
