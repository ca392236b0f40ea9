"""Mask all keys but those that an indexer scores highest, where upstream hands on their indices.

Upstream's indexer returns the indices of the keys that a token may attend to, as many as the context is long at most,
and the attention forbids the others. How many there are may not depend on a context that the graph does not know, and
an index does not say whether its slot holds a key. So the indexer returns the mask itself, made of the one that it was
given.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all
from rewrite_rules.vocabulary import pattern

MADE_OF = "all_but_largest"
CHOOSES = pattern(f"""
if {MASK}.dtype == torch.bool:
    $scores = $scores.masked_fill(~{MASK}, float("-inf"))
else:
    $scores = $scores + {MASK}
$topk = min($count, $scores.shape[-1])
return $scores.topk($topk, dim=-1).indices.to(torch.int32)
""")
CHOSEN = f"return {MADE_OF}($scores, {MASK}, $count)"
FORBIDS = pattern(f"""
if self.config._attn_implementation in ("eager", "sdpa"):
    $others = (
        $indices.new_ones((...), dtype=torch.bool).scatter(-1, $indices.long(), False).unsqueeze(1)
    )
    if {MASK}.dtype == torch.bool:
        {MASK} = {MASK} & ~$others
    else:
        {MASK} = {MASK}.masked_fill($others, torch.finfo($_).min)
else:
    $sparse = $indices
""")
FORBIDDEN = f"{MASK} = $indices.unsqueeze(1)"
# What a kernel is told that takes indices.
OF_KERNEL = "indices"


class MaskOfLargestScores(Rule):
    why = "The indexer says by a mask which keys it chose; how many indices there are would hang on the context."
    roles = (Role.INDEXER, Role.ATTENTION)
    needs = (MADE_OF,)

    @property
    def construct(self) -> str:
        """Both patterns."""
        return f"`{CHOOSES.shown}` in an indexer, and `{FORBIDS.shown}` in its attention"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits = Edits(code)
        if function.role is Role.INDEXER:
            chosen = find_all(CHOOSES, code)
            if function.is_forward and not chosen:
                raise Unmatched(f"`{function.owner}` chooses keys in another way", code.tree)
            for found in chosen:
                make(edits, found, CHOSEN)
            return edits.done(), len(chosen)
        forbidden = find_all(FORBIDS, code)
        for found in forbidden:
            make(edits, found, FORBIDDEN)
            for call in code.nodes(ast.Call):
                drop_arguments(edits, call, [item for item in call.keywords if _is_of_kernel(item, found)])
        return edits.done(), len(forbidden)


def _is_of_kernel(argument: ast.keyword, found: Match) -> bool:
    is_told = argument.arg == OF_KERNEL and isinstance(argument.value, ast.Name)
    return is_told and spelled(argument.value) == found.spelled("sparse")
