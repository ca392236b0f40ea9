"""Let the head see the kept logits' rows only, where upstream computes the logits of every token.

Older causal LMs know no `logits_to_keep`: `logits = self.<head>(<outputs>[0])`. A linear head treats every token by
itself, so choosing before it is choosing after it; later rules see one spelling, the parameter included. The logits
may get another dtype or layout on the way, and the states a name of their own.
"""

from __future__ import annotations

import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, modules_made_by, names_read, source, spelled, with_parameters

KEEP = "logits_to_keep"
STATES = re.compile(r"(\w+)(?:\[0\]|\.last_hidden_state)")
# What changes the logits' layout or dtype, and no number before the head.
AFTER_HEAD = re.compile(r"\.(contiguous\(\)|float\(\)|to\(torch\.float32\))")


class LogitsSliceAdded(Rule):
    why = "Only the next token's logits are returned, so the head sees one row; later rules see one spelling."
    roles = (Role.CAUSAL_LM,)
    construct = "`<logits> = self.<head>(<outputs>[0])`, the head being an nn.Linear"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward or KEEP in names_read(function.node):
            return function.node, 0
        slicer = _Slice(modules_made_by(anatomy.causal_lm.cls, "Linear"), set(anatomy.callees(Role.CAUSAL_LM)))
        node = cst.ensure_type(function.node.visit(slicer), cst.FunctionDef)
        if not slicer.count:
            return function.node, 0
        return with_parameters(node, {KEEP: "int | torch.Tensor | None"}), slicer.count


class _Slice(cst.CSTTransformer):
    def __init__(self, heads: frozenset[str], models: set[str]) -> None:
        self.heads = heads
        self.models = models
        self.outputs: set[str] = set()
        self.states: set[str] = set()
        self.count = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and isinstance(assigned[1], cst.Call) and spelled(assigned[1].func) in self.models:
            self.outputs.add(assigned[0])
        elif assigned is not None and self._are_states(source(assigned[1])):
            self.states.add(assigned[0])

    def _are_states(self, text: str) -> bool:
        """Whether an expression is what the model returns first, by whatever name."""
        states = STATES.fullmatch(text)
        return text in self.states or (states is not None and states[1] in self.outputs)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        assigned = assigned_name(updated_node)
        call = _call_of_head(assigned[1]) if assigned is not None else None
        if call is None or source(call.func) not in self.heads or len(call.args) != 1:
            return updated_node
        states = source(call.args[0].value)
        if not self._are_states(states):
            return updated_node
        self.count += 1
        kept = cst.parse_expression(f"slice_logits_to_keep({states}, {KEEP})")
        return cst.ensure_type(updated_node.deep_replace(call.args[0].value, kept), cst.SimpleStatementLine)


def _call_of_head(value: cst.BaseExpression) -> cst.Call | None:
    """`self.<head>(...)`, without what only changes layout or dtype after it."""
    while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
        inner = value.func.value
        if not isinstance(inner, cst.Call) or not AFTER_HEAD.fullmatch(source(value)[len(source(inner)) :]):
            return value
        value = inner
    return None
