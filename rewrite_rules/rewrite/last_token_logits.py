"""Return the logits of each row's last token, in float32, or of its last few where those are asked for.

Rows are right-padded with position -1, so a row's last token is where its positions are largest. `argmax` runs on
int32, the integer type the contract asks for there.

Upstream's `logits_to_keep` makes room for `num_logits_to_keep`, a tensor whose length says of how many tokens: one
call of a speculative decoder's target checks several drafted tokens. They follow each other up to the row's last one;
in a row with fewer tokens they start with its first.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._matching import names_read, parameter_names, source

KEEP = "logits_to_keep"
COUNT = "num_logits_to_keep"
INDEX = (
    "logit_index = position_ids.to(torch.int32).argmax(1, keepdim=True)",
    f"if {COUNT} is not None:\n"
    f"    num_logits = {COUNT}.shape[0]\n"
    "    logit_index = (logit_index - num_logits + 1).clamp(min=0) + torch.arange(num_logits)\n",
)
ROWS = "torch.arange(position_ids.shape[0]).view(-1, 1)"


class LastTokenLogits(Rule):
    why = (
        "Only the next token is sampled: one row of logits per sequence, at its largest position, in float32. "
        "Checking drafted tokens takes as many rows as `num_logits_to_keep` is long."
    )
    roles = (Role.CAUSAL_LM,)
    expect = Expect.EXACTLY_ONE
    construct = f"`slice_logits_to_keep(<hidden states>, {KEEP})` on the way into the head, and the parameter {KEEP}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        keeper = _KeepLast()
        node = cst.ensure_type(function.node.visit(keeper), cst.FunctionDef)
        if not keeper.count or KEEP not in parameter_names(node):
            return function.node, 0
        node = node.with_changes(params=node.params.visit(_CountInItsPlace()))
        if KEEP in names_read(node) or not keeper.floats:
            raise Unmatched("the kept logits are used in another way", node.params)
        return node, keeper.count


class _CountInItsPlace(cst.CSTTransformer):
    """Puts the parameter `num_logits_to_keep` where `logits_to_keep` was."""

    def leave_Param(self, original_node: cst.Param, updated_node: cst.Param) -> cst.Param:
        if updated_node.name.value != KEEP:
            return updated_node
        annotation = cst.Annotation(cst.parse_expression("torch.LongTensor | None"))
        return updated_node.with_changes(
            name=cst.Name(COUNT), annotation=annotation, equal=cst.AssignEqual(), default=cst.Name("None")
        )


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
        first, *others = (cst.parse_statement(text) for text in INDEX)
        blank = [line for line in updated_node.leading_lines if line.comment is None]
        return cst.FlattenSentinel(
            [first.with_changes(leading_lines=blank), *others, updated_node.with_changes(leading_lines=[])]
        )
