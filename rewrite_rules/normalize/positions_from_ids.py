"""Take positions from `position_ids` where an attention counts them from the length of the cache.

A preallocated cache is as long as the context, so its length does not tell how many tokens came before. Where upstream
makes `arange(<new tokens>) + <cache length>`, one row for the whole batch, `position_ids` holds the positions, one row
for each sequence; what is shaped for the one row is shaped for all.
"""

from __future__ import annotations

import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, names_loaded, source, without_assignments

SEEN = re.compile(r"(\w+)\.get_seq_length\(self\.layer_idx\) if \1 is not None else 0")
COUNTED = re.compile(r"torch\.arange\(hidden_states\.shape\[1\], device=hidden_states\.device\) \+ (\w+)")
ONE_ROW = ".view((1, input_shape[-1], 1, 1)).expand((*input_shape, 1, 1))"
ALL_ROWS = ".view((*input_shape, 1, 1))"


class PositionsFromIds(Rule):
    why = "The length of a preallocated cache says nothing about positions; `position_ids` does, for every row."
    roles = (Role.ATTENTION,)
    words = ("get_seq_length",)
    construct = "`torch.arange(hidden_states.shape[1], ...) + <cache>.get_seq_length(self.layer_idx)`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        taker = _Take()
        node = cst.ensure_type(function.node.visit(taker), cst.FunctionDef)
        if not taker.count:
            return function.node, 0
        if taker.seen & names_loaded(node):
            return function.node, 0
        return without_assignments(node, taker.seen), taker.count


class _Take(cst.CSTTransformer):
    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.count = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and SEEN.fullmatch(source(assigned[1])):
            self.seen.add(assigned[0])

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BaseExpression:
        match = COUNTED.fullmatch(source(original_node))
        if match is None or match.group(1) not in self.seen:
            return updated_node
        self.count += 1
        return cst.Name("position_ids")

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        text = source(updated_node)
        if self.count and text.endswith(ONE_ROW):
            return cst.parse_expression(text.removesuffix(ONE_ROW) + ALL_ROWS)
        return updated_node
