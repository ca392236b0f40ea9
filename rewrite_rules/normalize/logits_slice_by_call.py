"""Spell the choice of kept logits one way: `slice_logits_to_keep(hidden_states, logits_to_keep)`.

Older releases compute `slice_indices` from `logits_to_keep` and index with it on the way into the head; newer ones
have a function for it. Both keep the same rows.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, source

KEEP = "logits_to_keep"
SLICE = f"slice(-{KEEP}, None) if isinstance({KEEP}, int) else {KEEP}"


class LogitsSliceByCall(Rule):
    why = "Two releases spell the choice of kept logits differently; later rules see one spelling."
    roles = (Role.CAUSAL_LM,)
    words = (KEEP,)
    construct = f"`<name> = {SLICE}` and `<hidden states>[:, <name>, :]`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        spelling = _OneSpelling()
        node = cst.ensure_type(function.node.visit(spelling), cst.FunctionDef)
        return (node, 1) if spelling.name else (function.node, 0)


class _OneSpelling(cst.CSTTransformer):
    def __init__(self) -> None:
        self.name = ""

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and " ".join(source(assigned[1]).split()) == SLICE:
            self.name = assigned[0]

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        if self.name and assigned is not None and assigned[0] == self.name:
            return cst.RemoveFromParent()
        return updated_node

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        indices = [source(item.slice) for item in updated_node.slice]
        if self.name and indices == [":", self.name, ":"]:
            return cst.parse_expression(f"slice_logits_to_keep({source(updated_node.value)}, {KEEP})")
        return updated_node
