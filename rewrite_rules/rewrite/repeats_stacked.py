"""Write the repetition of each element of the last axis as a stack, where the exporter gets the repetition wrong.

PyTorch's TorchScript exporter turns the negative axis of `repeat_interleave` positive in place, and with it every
other constant of the same value in the graph: the -1 of a reshape becomes another size. A runtime that translates it
itself keeps upstream's spelling.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.targets.target import Target
from rewrite_rules._matching import source

REPEAT = "repeat_interleave"


class RepeatsStacked(Rule):
    why = "The exporter takes other constants for the negative axis of `repeat_interleave`; a stack is the same."
    roles = tuple(role for role in Role if role is not Role.ROTARY_EMBEDDING)
    words = (REPEAT,)
    construct = "`<tensor>.repeat_interleave(<number>, dim=-1)`; any other negative axis is refused"

    def runs_for(self, target: Target) -> bool:
        return not target.exports_repeats

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        stacker = _Stacker()
        node = cst.ensure_type(function.node.visit(stacker), cst.FunctionDef)
        return (node, stacker.count) if stacker.count else (function.node, 0)


class _Stacker(cst.CSTTransformer):
    def __init__(self) -> None:
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        called = updated_node.func
        if not isinstance(called, cst.Attribute) or called.attr.value != REPEAT:
            return updated_node
        given = {
            name.value if (name := item.keyword) else index: item.value for index, item in enumerate(updated_node.args)
        }
        tensor: cst.BaseExpression | None = called.value
        if source(called.value) == "torch":
            tensor = given.pop(0, given.pop("input", None))
            given = {key - 1 if isinstance(key, int) else key: value for key, value in given.items()}
        repeats, axis = given.get("repeats", given.get(0)), given.get("dim", given.get(1))
        if axis is None or not source(axis).startswith("-"):
            return updated_node
        if tensor is None or source(axis) != "-1" or not isinstance(repeats, cst.Integer):
            raise Unmatched(f"elements are repeated along the axis {source(axis)}", original_node)
        self.count += 1
        tensors = ", ".join([source(tensor)] * int(repeats.value))
        return cst.parse_expression(f"torch.stack(({tensors}), dim=-1).flatten(-2)")
