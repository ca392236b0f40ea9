"""Hand position_ids, the cache and batch_index down every call from the causal LM to the attention.

Each is a parameter with a name on every level, not something in `**kwargs`, so that a reader sees where it goes.
`comp_ctx_lengths` ends at the model: it is the width of the mask, which reaches the attention anyway.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._matching import CACHE, spelled, with_keywords, with_parameters

EVERYWHERE = {
    "position_ids": "torch.LongTensor | None",
    CACHE: "Cache | None",
    "batch_index": "torch.LongTensor | None",
}
TO_THE_MODEL = {**EVERYWHERE, "comp_ctx_lengths": "torch.LongTensor | None"}


class ThreadArguments(Rule):
    why = "Positions, the cache and the batch index reach the attention by name, on every level."
    roles = CALL_PATH
    expect = Expect.AT_LEAST_ONE
    construct = "a call of the next part on the way from the causal LM to the attention"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        wanted = TO_THE_MODEL if function.role in (Role.CAUSAL_LM, Role.MODEL) else EVERYWHERE
        node = with_parameters(function.node, wanted)
        if function.role is Role.ATTENTION:
            return node, 1
        threader = _Thread(self, anatomy, function.role)
        return cst.ensure_type(node.visit(threader), cst.FunctionDef), threader.count


class _Thread(cst.CSTTransformer):
    def __init__(self, rule: ThreadArguments, anatomy: Anatomy, role: Role) -> None:
        self.rule = rule
        self.callees = anatomy.callees(role)
        self.wanted = TO_THE_MODEL if role is Role.CAUSAL_LM else EVERYWHERE
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
        bound |= {item.keyword.value for item in updated_node.args if item.keyword is not None}
        if part.cache_parameter in bound:
            bound.add(CACHE)
        missing = {name: name for name in self.wanted if name not in bound}
        return with_keywords(updated_node, missing) if missing else updated_node
