"""Drop the warning about padding without an attention mask.

Pads are marked by a position of -1; there is no attention mask to warn about.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import only_statement, source

WARNING = "self.warn_if_padding_and_no_attention_mask"


class NoPaddingWarning(Rule):
    why = "Pads are told by `position_ids`, so a missing attention mask is nothing to warn about."
    roles = (Role.MODEL, Role.CAUSAL_LM)
    words = (WARNING,)
    construct = f"`{WARNING}(...)`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        dropper = _Drop()
        node = cst.ensure_type(function.node.visit(dropper), cst.FunctionDef)
        return (node, dropper.count) if dropper.count else (function.node, 0)


class _Drop(cst.CSTTransformer):
    def __init__(self) -> None:
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        statement = only_statement(updated_node)
        if isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Call):
            if source(statement.value.func) == WARNING:
                self.count += 1
                return cst.RemoveFromParent()
        return updated_node
