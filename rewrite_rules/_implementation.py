"""Which attention implementation the export has, for conditions that ask."""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.implementation_tables import ASKS_FOR_FLASH
from rewrite_rules._matching import source

IMPLEMENTATION = "self.config._attn_implementation"


def is_eager(test: cst.BaseExpression) -> bool | None:
    """The answer to a question for the implementation, which is eager; None for any other question."""
    if isinstance(test, cst.Call):
        return False if source(test.func) == ASKS_FOR_FLASH else None
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1 or source(test.left) != IMPLEMENTATION:
        return None
    comparison = test.comparisons[0]
    if not isinstance(comparison.comparator, cst.SimpleString):
        return None
    same = comparison.comparator.evaluated_value == "eager"
    if isinstance(comparison.operator, cst.Equal):
        return same
    return not same if isinstance(comparison.operator, cst.NotEqual) else None
