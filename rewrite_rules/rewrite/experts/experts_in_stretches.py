"""Let every expert of a list compute every token, where upstream sorts tokens by expert and loops over stretches.

The choices of all tokens are sorted by expert, and the module, a list of experts itself, hands each expert its stretch
of rows; where a stretch ends depends on values, which a graph cannot follow. Each expert runs once, for all tokens: a
token's weight for it is the one it was chosen with, or 0, and adding zeros changes no sum. Every expert is computed
for every token, in decoding too: that is the price of a list.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.module_lists import modules_in
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all
from qeff_codegen.patterns.template import fill
from rewrite_rules.rewrite.experts._experts_of_rows import refuse_other_experts
from rewrite_rules.vocabulary import pattern

SORTED = pattern("""
$flat = $states.view(-1, $columns)
$top = $chosen.shape[-1]
$tokens = torch.arange($flat.shape[0], device=$_, dtype=torch.long).repeat_interleave($top)
$experts = $chosen.reshape(-1)
$weights = $weights.reshape(-1)
$order = torch.argsort($experts, stable=True)
$tokens = $tokens[$order]
$experts = $experts[$order]
$weights = $weights[$order]
$rows = $flat.index_select(0, $tokens)
$results = torch.zeros_like($rows)
$hit, $counts = torch.unique_consecutive($experts, return_counts=True)
$start = 0
for $expert, $count in zip($hit.tolist(), $counts.tolist()):
    if $count == 0:
        continue
    $end = $start + $count
    $some = $rows[$start:$end]
    $result = self[$expert]($some)
    $results[$start:$end] = $result
    $start = $end
$share = ($results.to(torch.float32) * $weights.unsqueeze(-1)).to($states.dtype)
$total = torch.zeros_like($flat)
$index = $tokens.unsqueeze(-1).expand_as($share)
$total.scatter_add_(0, $index, $share)
""")
EVERY_EXPERT = """
$flat = $states.view(-1, $columns)
$experts = $chosen.reshape(-1, $chosen.shape[-1])
$weights = $weights.reshape(-1, $chosen.shape[-1])
$total = torch.zeros_like($flat)
for $expert in range(len(self)):
    # The weight that a token chose the expert with; 0 where it did not.
    expert_weights = torch.where($experts == $expert, $weights, 0.0).sum(dim=-1, keepdim=True)
    $share = (self[$expert]($flat).to(torch.float32) * expert_weights).to($states.dtype)
    $total = $total + $share
"""
# A call has at least one token.
NO_TOKENS = pattern("""
$batch, $tokens, $width = $states.shape
if $tokens == 0:
    return $_
""")


class ExpertsInStretches(Rule):
    why = "Where an expert's stretch of tokens ends depends on values; weighing with zero what is not chosen does not."
    roles = (Role.EXPERTS_IN_LIST,)
    expect = Expect.EXACTLY_ONE
    construct = (
        "choices sorted by `torch.argsort`, counted by `torch.unique_consecutive`, each expert's stretch of rows "
        "handed to `self[$expert]`, and the weighted results added up by `scatter_add_`, with nothing between"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        loop = next(item for item in code.nodes(ast.For))
        found = next(iter(find_all(SORTED, code)), None)
        if found is None or not found.are_names(*found.bound):
            raise Unmatched("a list of experts is looped over in another way", loop)
        made = modules_in(anatomy.file.classes[function.owner or ""], anatomy.file.classes)
        if made is None:
            raise Unmatched("the list of experts holds modules that are not of this file", loop)
        refuse_other_experts(made, anatomy, loop)
        _refuse_read(found, code, loop)
        edits = Edits(code)
        for empty in find_all(NO_TOKENS, code, {"states": found["states"]}):
            edits.remove(empty.statements[1])
        edits.replace_statements(found.statements, fill(EVERY_EXPERT, found, edits))
        return edits.done(), 1


def _refuse_read(found: Match, code: Code, loop: ast.For) -> None:
    """Refuse names that only the stretches bind, where anything else reads them."""
    bound = {name for item in found.nodes for name in names_in(item, ast.Store)} - names_in(found["total"])
    others = [item for item in code.body if item not in found.nodes]
    if any((bound | {"expert_weights"}) & names_in(item) for item in others):
        raise Unmatched("what the loop over stretches binds is read outside of it", loop)
