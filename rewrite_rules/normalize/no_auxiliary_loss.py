"""Drop the loss that balances the load of experts.

It is one more term for training. Nothing else reads it, so neither the branch that computes it nor the counting of
tokens in there has a place in the graph.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold
from rewrite_rules._matching import assigned_name, names_read, only_statement, source, statements_of, without_keywords

AUXILIARY, LOSS, LABELS = "aux_loss", "loss", "labels"


class NoAuxiliaryLoss(Rule):
    why = "The compiled graph only infers: the loss that balances experts is for training alone."
    roles = (Role.CAUSAL_LM,)
    construct = "`aux_loss = None`, then `if <flag>: aux_loss = ...`, which only the output and the loss read"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if AUXILIARY not in names_read(function.node):
            return function.node, 0
        # The tuple that an old caller may ask for holds the loss too.
        node, _ = fold(function.node, lambda test: True if source(test) == "return_dict" else None)
        dropper = _DropAuxiliaryLoss()
        node = cst.ensure_type(node.visit(dropper), cst.FunctionDef)
        if AUXILIARY in names_read(node):
            raise Unmatched(f"`{AUXILIARY}` is used outside the loss", node)
        return node, dropper.count


class _DropAuxiliaryLoss(cst.CSTTransformer):
    def __init__(self) -> None:
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        if assigned is not None and assigned[0] == AUXILIARY and source(assigned[1]) == "None":
            return cst.RemoveFromParent()
        return updated_node

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.RemovalSentinel:
        if original_node.orelse is None and isinstance(original_node.test, cst.Name):
            body = statements_of(original_node.body)
            if body and all(_is_auxiliary(item) for item in body):
                self.count += 1
                return cst.RemoveFromParent()
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        given = [item for item in updated_node.args if item.keyword is not None and item.keyword.value == AUXILIARY]
        if given and source(given[0].value) == AUXILIARY:
            return without_keywords(updated_node, [AUXILIARY])
        return updated_node


def _is_auxiliary(item: cst.BaseStatement) -> bool:
    """Whether a statement computes the loss of experts, or adds it to the loss where there are labels."""
    if (assigned := assigned_name(item)) is not None:
        return assigned[0] == AUXILIARY
    if isinstance(item, cst.If) and source(item.test) == f"{LABELS} is not None" and item.orelse is None:
        added = [only_statement(inner) for inner in statements_of(item.body)]
        return all(isinstance(inner, cst.AugAssign) and source(inner.target) == LOSS for inner in added)
    return False
