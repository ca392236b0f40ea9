"""Write the repetition of each element of the last axis as a stack, where the exporter gets the repetition wrong.

PyTorch's TorchScript exporter turns the negative axis of `repeat_interleave` positive in place, and with it every
other constant of the same value in the graph: the -1 of a reshape becomes another size. A runtime that translates it
itself keeps upstream's spelling.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.targets.target import Target
from rewrite_rules._matching import source

_LAST_AXIS = re.compile(r"(?:repeats=)?(?P<count>[2-9]), (?:dim=)?-1")


class RepeatsStacked(Rule):
    why = "The exporter takes other constants for the negative axis of `repeat_interleave`; a stack is the same."
    roles = tuple(role for role in Role if role is not Role.ROTARY_EMBEDDING)
    words = ("repeat_interleave",)
    construct = "`<tensor>.repeat_interleave(<number>, dim=-1)`"

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
        if not isinstance(called, cst.Attribute) or called.attr.value != "repeat_interleave":
            return updated_node
        arguments = ast.unparse(ast.parse(source(updated_node))).split("repeat_interleave(")[-1]
        found = _LAST_AXIS.fullmatch(arguments.removesuffix(")"))
        if found is None:
            return updated_node
        self.count += 1
        tensors = ", ".join([source(called.value)] * int(found["count"]))
        return cst.parse_expression(f"torch.stack(({tensors}), dim=-1).flatten(-2)")
