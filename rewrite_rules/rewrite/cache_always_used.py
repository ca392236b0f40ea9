"""Always use the KV cache.

`use_cache` and its default in the configuration choose between two models; the exported one has retained state, so the
choice is made.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold
from rewrite_rules._matching import assigned_name, source


class CacheAlwaysUsed(Rule):
    why = "The retained state is always taken and returned, so `use_cache` decides nothing."
    roles = CALL_PATH
    words = ("use_cache",)
    construct = "a condition on `use_cache`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        node, decided = fold(function.node, _is_use_cache)
        if not decided:
            return function.node, 0
        return cst.ensure_type(node.visit(_DropSelfAssignments()), cst.FunctionDef), decided


def _is_use_cache(expression: cst.BaseExpression) -> bool | None:
    return True if isinstance(expression, cst.Name) and expression.value == "use_cache" else None


class _DropSelfAssignments(cst.CSTTransformer):
    """`x = x if use_cache else None` has become `x = x`."""

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        same = assigned is not None and source(assigned[1]) == assigned[0]
        return cst.RemoveFromParent() if same else updated_node
