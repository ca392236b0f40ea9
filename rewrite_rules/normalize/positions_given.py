"""Drop the positions that upstream makes up when none are given.

An exported decoder is always given `position_ids`. The branch for their absence counts on from the length of a growing
cache, which a preallocated one does not have, so it could only be wrong.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold, none_comparison

POSITIONS = frozenset({"position_ids"})


class PositionsGiven(Rule):
    why = "`position_ids` is always given; counting on from the length of a preallocated cache would be wrong."
    roles = CALL_PATH
    construct = "`if position_ids is None: position_ids = ...`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        return fold(function.node, _absent)


def _absent(test: cst.BaseExpression) -> bool | None:
    found = none_comparison(test, POSITIONS)
    return None if found is None else not found
