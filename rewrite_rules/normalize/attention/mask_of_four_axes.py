"""Decide the question whether the mask that attention is given has four axes: the builder's always does.

Some files also take a mask of the tokens alone, `[batch, keys]`, for kernels that want it so. The export has the mask
of batch, heads, queries and keys, whatever else asks for it.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.conditions import Condition, Place
from qeff_codegen.engine.pattern_rule import FactsRule
from qeff_codegen.patterns.match import Match


def _is_mask(node: ast.expr, found: Match, place: Place) -> bool:
    return isinstance(node, ast.Name) and node.id == place.mask


class MaskOfFourAxes(FactsRule):
    why = "The mask is made for batch, heads, queries and keys, so the question for its axes is answered."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    facts = {
        "$mask.ndim == 4": True,
        "$mask.dim() == 4": True,
        "len($mask.shape) == 4": True,
        "len($mask.size()) == 4": True,
    }
    where = {"mask": Condition("is the mask that attention is given", _is_mask)}
