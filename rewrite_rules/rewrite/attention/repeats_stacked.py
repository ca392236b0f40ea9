"""Write the repetition of each element of the last axis as a stack, where the exporter gets the repetition wrong.

PyTorch's TorchScript exporter turns the negative axis of `repeat_interleave` positive in place, and with it every
other constant of the same value in the graph: the -1 of a reshape becomes another size. A runtime that translates it
itself keeps upstream's spelling.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from qeff_codegen.targets.target import Target
from rewrite_rules.vocabulary import pattern

REPEATED, BY_TORCH = pattern("$tensor.repeat_interleave(...)"), pattern("torch.repeat_interleave(...)")
NEGATIVE, LAST = pattern("-$_"), pattern("-1")


class RepeatsStacked(Rule):
    why = "The exporter takes other constants for the negative axis of `repeat_interleave`; a stack is the same."
    roles = tuple(role for role in Role if role is not Role.ROTARY_EMBEDDING)
    names = ("repeat_interleave",)
    construct = f"`{REPEATED}` of a number of times, along the axis {LAST}; any other negative axis is refused"

    def runs_for(self, target: Target) -> bool:
        return not target.exports_repeats

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        edits = Edits(function.code)
        count = 0
        # What is repeated may hold another repetition, which comes later in the text.
        for found in reversed(find_all(REPEATED, function.code)):
            assert isinstance(found.node, ast.Call)
            if match(BY_TORCH, found.node, function.code.aliases):
                given = bound_arguments(found.node, ("input", "repeats", "dim")) or {}
            else:
                given = {"input": found["tensor"], **(bound_arguments(found.node, ("repeats", "dim")) or {})}
            axis, times = given.get("dim"), given.get("repeats")
            if axis is None or not match(NEGATIVE, axis):
                continue
            if not match(LAST, axis) or not isinstance(times, ast.Constant) or not isinstance(times.value, int):
                raise Unmatched(f"elements are repeated along the axis {ast.unparse(axis)}", found.node)
            tensors = ", ".join([edits.text_of(given["input"])] * times.value)
            edits.replace(found.node, f"torch.stack(({tensors}), dim=-1).flatten(-2)")
            count += 1
        return edits.done(), count
