"""Let every expert of a list compute every token, and weigh with zero what a token did not choose.

Upstream finds the tokens that chose an expert, hands it only those, and adds their weighted results where they came
from; which tokens those are depends on values, which a graph cannot follow. The experts are modules of their own, so
their weights cannot be gathered by number; each of them runs once, for all tokens. A token's weight for an expert is
the one it was chosen with, or 0, and adding zeros changes no sum. Every expert is computed for every token, in
decoding too: that is the price of a list.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.listed_experts import listed_experts
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in
from qeff_codegen.codemod.tree import walk
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import Match, equal, find_all, find_in, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.rewrite.experts._experts_of_rows import refuse_other_experts
from rewrite_rules.vocabulary import pattern

# The loop over experts that were hit, or over all: choices stand before tokens in the mask.
CHOICES_FIRST = pattern("""
if ...:
    $HITS
else:
    $MASK
for $number in $over:
    $expert = $list[$number]
    $choice, $token = torch.where({$mask[$number], $mask[$number].squeeze(0)})
    if ...:
        if $token.shape[0] == 0:
            continue
    $rows = $states[None, $token].reshape(-1, $_)
    $share = $expert($rows) * $weights[$token, $choice, None]
    $total.index_add_(0, $token, $share.to($states.dtype))
""")
# The loop over all experts: tokens stand before choices in the mask.
TOKENS_FIRST = pattern("""
if ...:
    $mask = nn.functional.one_hot($chosen, num_classes=$count)
    $mask = $mask.permute(2, 0, 1)
else:
    $mask = nn.functional.one_hot($chosen, num_classes=$count).permute(2, 0, 1)
for $number in $over:
    $expert = $list[$number]
    $of = $mask[$number]
    $token, $choice = torch.where($of)
    if $token.numel() > 0:
        $chosen_weights = $weights[$token, $choice]
        $rows = $states[$token]
        $result = $expert($rows)
        $share = $result * $chosen_weights.unsqueeze(-1)
        $total.index_add_(0, $token, $share)
""")
EVERY_EXPERT = """
for $number in range($count):
    $expert = $list[$number]
    # The weight that a token chose the expert with; 0 where it did not.
    expert_weights = torch.where($chosen == $number, $weights, 0.0).sum(dim=-1, keepdim=True)
    $share = $expert($states) * expert_weights
"""
LOOPS = (
    (CHOICES_FIRST, EVERY_EXPERT + "    $total = $total + $share.to($states.dtype)"),
    (TOKENS_FIRST, EVERY_EXPERT + "    $total = $total + $share"),
)
ALL, LENGTH = pattern("range($count)"), pattern("len($list)")
ADDS = pattern("$_.index_add_(...)")
# What else may be called where the list is made; an identity leaves each row as it is.
LIST_OF = pattern("{nn.ModuleList, nn.Identity, range}")


class ExpertsOneByOne(Rule):
    why = "Which tokens chose an expert depends on values; weighing with zero what they did not choose does not."
    roles = (Role.LISTED_EXPERTS,)
    expect = Expect.EXACTLY_ONE

    @property
    def construct(self) -> str:
        return f"`{CHOICES_FIRST.shown}`, or the same with tokens before choices"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        loop = next((item for item in code.body if isinstance(item, ast.For) and any(find_in(ADDS, item))), None)
        if loop is None:
            return code, 0
        found, give = next(((found, give) for form, give in LOOPS for found in find_all(form, code)), (None, ""))
        if found is None or found.nodes[-1] is not loop or not _visits_all(found) or not _is_of_names(found):
            raise Unmatched("the loop over a list of experts computes in another way", loop)
        _refuse_expert(anatomy.file.classes[function.owner or ""], anatomy, loop)
        _refuse_read(found, code, loop)
        edits = Edits(code)
        for statement in found.statements[:-1]:
            edits.remove(statement)
        edits.replace_statement(loop, fill(give, found, edits))
        return edits.done(), 1


def _visits_all(found: Match) -> bool:
    """Whether the loop visits every expert that was hit, or every one, and there are as many as the mask counts."""
    counted = match(LENGTH, found["count"])
    held = found["count"] if counted is None else counted["list"]
    visits = match(ALL, found["over"], known={"count": found["count"]}) is not None
    return self_attribute(held) is not None and (
        visits or ("hit" in found.bound and equal(found["over"], found["hit"]))
    )


def _is_of_names(found: Match) -> bool:
    """Whether all that the loop computes with has a name, and experts come from an attribute of `self`."""
    others = found.bound.keys() - {"count", "list", "over"}
    return found.are_names(*others) and self_attribute(found["list"]) is not None


def _refuse_read(found: Match, code: Code, loop: ast.For) -> None:
    """Refuse names that the loop binds for one expert, and what reads them after it."""
    bound = {name for item in found.nodes for name in names_in(item, ast.Store)} - names_in(found["total"])
    others = [item for item in code.body if item not in found.nodes]
    later = {name for item in others if item.lineno > loop.lineno for name in names_in(item)}
    if bound & later or any("expert_weights" in names_in(item) for item in others):
        raise Unmatched("what the loop over a list of experts binds is read after it", loop)


def _refuse_expert(owner: ModelingClass, anatomy: Anatomy, loop: ast.For) -> None:
    """Refuse an expert that may look at other tokens than each by itself."""
    attribute = listed_experts(owner) or ""
    made = owner.built.get(attribute, ())
    called = [call.func for value in owner.assigned[attribute] for call in walk(value) if isinstance(call, ast.Call)]
    others = [item for item in called if not names_in(item) <= set(made) and match(LIST_OF, item) is None]
    if not made or others:
        raise Unmatched("the list of experts holds modules that are not of this file", loop)
    refuse_other_experts(made, anatomy, loop)
