"""Return the logits of each row's last token, in float32.

Rows are right-padded with position -1, so a row's last token is where its positions are largest. `argmax` runs on
int32, the integer type the contract asks for there.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._matching import names_read, source, without_parameters

KEEP = "logits_to_keep"
INDEX = "logit_index = position_ids.to(torch.int32).argmax(1, keepdim=True)"
ROWS = "torch.arange(position_ids.shape[0]).view(-1, 1)"


class LastTokenLogits(Rule):
    why = "Only the next token is sampled: one row of logits per sequence, at its largest position, in float32."
    roles = (Role.CAUSAL_LM,)
    expect = Expect.EXACTLY_ONE
    construct = f"`slice_logits_to_keep(<hidden states>, {KEEP})` on the way into the head"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        keeper = _KeepLast()
        node = cst.ensure_type(function.node.visit(keeper), cst.FunctionDef)
        if not keeper.count:
            return function.node, 0
        node = without_parameters(node, [KEEP])
        if KEEP in names_read(node) or not keeper.floats:
            raise Unmatched("the kept logits are used in another way", node.params)
        return node, keeper.count


class _KeepLast(cst.CSTTransformer):
    def __init__(self) -> None:
        self.count = 0
        self.floats = 0
        self.pending = False

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if source(updated_node.func).endswith("slice_logits_to_keep") and len(updated_node.args) == 2:
            if source(updated_node.args[1].value) == KEEP:
                self.count += 1
                self.pending = True
                hidden = source(updated_node.args[0].value)
                return cst.parse_expression(f"{hidden}[{ROWS}, logit_index]")
        return updated_node

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        if updated_node.keyword is None or updated_node.keyword.value != "logits":
            return updated_node
        if not isinstance(updated_node.value, cst.Name):
            return updated_node
        self.floats += 1
        return updated_node.with_changes(value=cst.parse_expression(f"{updated_node.value.value}.float()"))

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.BaseStatement]:
        if not self.pending:
            return updated_node
        self.pending = False
        index = cst.ensure_type(cst.parse_statement(INDEX), cst.SimpleStatementLine)
        blank = [line for line in updated_node.leading_lines if line.comment is None]
        return cst.FlattenSentinel(
            [index.with_changes(leading_lines=blank), updated_node.with_changes(leading_lines=[])]
        )
