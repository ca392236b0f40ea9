"""Hand position_ids, the cache and batch_index down every call from the causal LM to the attention.

The causal LM and the model are called with them, and the attention uses them, so there each is a parameter with a
name. What lies between only hands them on; where upstream's `**kwargs` already does that, nothing is written.
`comp_ctx_lengths` ends at the model: it is the width of the mask, which reaches the attention anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._functions import BETWEEN, carried_by_kwargs
from rewrite_rules._matching import CACHE, spelled, tree_of, with_keywords, with_parameters

EVERYWHERE = {
    "position_ids": "torch.LongTensor | None",
    CACHE: "Cache | None",
    "batch_index": "torch.LongTensor | None",
}
TO_THE_MODEL = {**EVERYWHERE, "comp_ctx_lengths": "torch.LongTensor | None"}


class ThreadArguments(Rule):
    why = "Positions, the cache and the batch index reach the attention by name, through every call on the way."
    roles = CALL_PATH
    expect = Expect.AT_LEAST_ONE
    construct = "a call of the next part on the way from the causal LM to the attention"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        if function.role is Role.ATTENTION:
            return with_parameters(function.node, EVERYWHERE), 1
        callees = anatomy.callees(function.role)
        taken = TO_THE_MODEL if function.role in (Role.CAUSAL_LM, Role.MODEL) else EVERYWHERE
        passed = TO_THE_MODEL if function.role is Role.CAUSAL_LM else EVERYWHERE
        if function.role in BETWEEN:
            carried = carried_by_kwargs(tree_of(function.node), callees)
            taken = passed = {name: annotation for name, annotation in EVERYWHERE.items() if not carried(name)}
        threader = _Thread(callees, passed)
        node = with_parameters(function.node, taken).visit(threader)
        return cst.ensure_type(node, cst.FunctionDef), threader.count


class _Thread(cst.CSTTransformer):
    def __init__(self, callees: Mapping[str, Part], passed: Collection[str]) -> None:
        self.callees = callees
        self.passed = passed
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        part = self.callees.get(spelled(original_node.func))
        if part is None:
            return updated_node
        self.count += 1
        if any(item.star == "*" for item in updated_node.args):
            raise Unmatched("a call spreads `*args`", updated_node)
        positional = [item for item in updated_node.args if item.keyword is None and not item.star]
        bound = set(parameters(part.forward)[: len(positional)])
        # Upstream's parameters before it may be gone: they were an encoder's.
        bound |= {spelled(item.value) for item in positional} & set(self.passed)
        bound |= {item.keyword.value for item in updated_node.args if item.keyword is not None}
        if part.cache_parameter in bound:
            bound.add(CACHE)
        missing = {name: name for name in self.passed if name not in bound}
        return with_keywords(updated_node, missing) if missing else updated_node
