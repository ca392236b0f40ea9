"""Drop the training loss of the causal LM.

`labels` is never given to an exported decoder; without it the loss is None and its computation never runs.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold, none_comparison
from rewrite_rules._matching import assigned_name, names_read, source, without_keywords, without_parameters

LABELS, LOSS = "labels", "loss"


class NoLoss(Rule):
    why = "The compiled graph only infers: there are no labels and no loss."
    roles = (Role.CAUSAL_LM,)
    words = (LABELS,)
    construct = "`if labels is not None: loss = ...`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        node, decided = fold(function.node, lambda test: none_comparison(test, {LABELS}))
        dropper = _DropLoss()
        node = cst.ensure_type(without_parameters(node, [LABELS]).visit(dropper), cst.FunctionDef)
        if LABELS in names_read(node):
            raise Unmatched("`labels` is used outside the loss", node)
        return (node, max(decided, 1)) if decided or dropper.dropped else (function.node, 0)


class _DropLoss(cst.CSTTransformer):
    def __init__(self) -> None:
        self.dropped = False

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        if assigned is not None and assigned[0] == LOSS and source(assigned[1]) == "None":
            self.dropped = True
            return cst.RemoveFromParent()
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        passes_loss = any(
            item.keyword is not None and item.keyword.value == LOSS and source(item.value) == LOSS
            for item in updated_node.args
        )
        return without_keywords(updated_node, [LOSS]) if passes_loss else updated_node
