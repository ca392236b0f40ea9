"""Hand position_ids, the cache and batch_index down every call from the causal LM to the attention.

The causal LM and the model are called with them, and attentions and state mixers use them, so there each is a
parameter with a name; an attention hands them to a state mixer that it builds. What lies between only hands them on;
where upstream's `**kwargs` already does that, nothing is written. `comp_ctx_lengths` ends at the model: it is the
width of the mask, which reaches the attention anyway.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.handed_on import BETWEEN, carried_by_kwargs
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH, INNERMOST, Role
from qeff_codegen.codemod.calls import add_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import CACHE, pattern

EVERYWHERE = {
    "position_ids": "torch.LongTensor | None",
    CACHE: "Cache | None",
    "batch_index": "torch.LongTensor | None",
}
TO_THE_MODEL = {**EVERYWHERE, "comp_ctx_lengths": "torch.LongTensor | None"}


NOTHING = pattern("None")


class ThreadArguments(Rule):
    why = "Positions, the cache and the batch index reach the attention by name, through every call on the way."
    roles = CALL_PATH
    expect = Expect.AT_LEAST_ONE
    construct = "a call of the next part on the way from the causal LM to the attention"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        edits = Edits(code)
        callees = anatomy.callees(function.role)
        taken = TO_THE_MODEL if function.role in (Role.CAUSAL_LM, Role.MODEL) else EVERYWHERE
        passed = TO_THE_MODEL if function.role is Role.CAUSAL_LM else EVERYWHERE
        if function.role in BETWEEN:
            carried = carried_by_kwargs(code.tree, callees)
            taken = passed = {name: annotation for name, annotation in EVERYWHERE.items() if not carried(name)}
        add_parameters(edits, taken)
        calls = anatomy.calls(function.role, code.tree)
        for call, (part, *_) in calls:
            if any(isinstance(item, ast.Starred) for item in call.args):
                raise Unmatched("a call spreads `*args`", call)
            bound = set(parameters(part.forward)[: len(call.args)])
            # Upstream's parameters before it may be gone: they were an encoder's.
            bound |= {ast.unparse(item) for item in call.args} & set(passed)
            bound |= {item.arg for item in call.keywords if item.arg is not None}
            for item in call.keywords if part.role is Role.INDEXER else ():
                # Upstream's indexers take positions and do not read them.
                if item.arg in passed and match(NOTHING, item.value):
                    edits.replace(item.value, item.arg)
            if part.cache_parameter in bound:
                bound.add(CACHE)
            add_keywords(edits, call, {name: name for name in passed if name not in bound})
        return edits.done(), len(calls) + int(function.role in INNERMOST)
