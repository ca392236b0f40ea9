"""Make a bias from a mask of ones, as generation does, where upstream makes it otherwise when no mask is given.

Newer releases spare the mask when there is no padding, and ask the cache for the number of keys instead. Generation
always gives a mask, of ones where nothing is padded, so that branch is the one to follow; the rules that know such a
mask then find it.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import none_comparison
from rewrite_rules._lengths import Lengths
from rewrite_rules._matching import assigned_name, line_of, names_bound, source, statements_of

MASK = "attention_mask"


class MaskOfOnes(Rule):
    why = "Generation gives a mask of ones where nothing is padded; what is made from it is made from that mask."
    roles = (Role.MODEL,)
    words = (f"{MASK} is None",)
    construct = f"`if {MASK} is None: <bias> = ...`, `else: <bias> = <function>({MASK}, ...)`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        lengths = Lengths()
        function.node.visit(lengths)
        if not function.is_forward or len(lengths.totals) != 1 or len(lengths.batch) != 1:
            return function.node, 0
        shape = f"({next(iter(lengths.batch))}, {next(iter(lengths.totals))})"
        maker = _MakeOnes(f"{MASK} = torch.ones({shape}, device=hidden_states.device)")
        node = cst.ensure_type(function.node.visit(maker), cst.FunctionDef)
        return (node, maker.count) if maker.count else (function.node, 0)


class _MakeOnes(cst.CSTTransformer):
    def __init__(self, ones: str) -> None:
        self.ones = ones
        self.count = 0

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.FlattenSentinel[cst.BaseStatement]:
        absent = none_comparison(updated_node.test, {MASK})
        if absent is not True or not isinstance(updated_node.orelse, cst.Else):
            return updated_node
        given = statements_of(updated_node.orelse.body)
        bias = _made_from_mask(given)
        without = statements_of(updated_node.body)
        if bias is None or not without or (assigned_name(without[-1]) or ("",))[0] != bias:
            return updated_node
        if MASK in set().union(*(names_bound(item) for item in without)):
            return updated_node
        self.count += 1
        ones = line_of(self.ones).with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel([ones, given[-1]])


def _made_from_mask(body: list[cst.BaseStatement]) -> str | None:
    """What `<bias> = <function>(<mask>, ...)` binds, when before it the mask is at most moved to a device."""
    assigned = assigned_name(body[-1]) if body else None
    if assigned is None or not isinstance(assigned[1], cst.Call) or not assigned[1].args:
        return None
    moved = all(source(item).strip() == f"{MASK} = {MASK}.to(hidden_states.device)" for item in body[:-1])
    first = assigned[1].args[0]
    return assigned[0] if moved and first.keyword is None and source(first.value) == MASK else None
