"""Find the tokens of each expert of a list by a mask, where upstream sorts all choices by expert.

Upstream sorts the choices of all tokens by expert, counts on the host how many each expert got, cuts the sorted rows
into stretches of so many, lets each expert compute its stretch, sorts the results back and adds up those of each token.
How long the stretches are depends on values. The same sum is made by going through the experts and adding to each token
what the expert made of it, which is how newer files spell it; later rules see that form.

Where the experts are spread over several processes, tokens are exchanged between these. The graph is that of one
process, which has them all: other numbers are an error, and not ignored.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, find_in, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.vocabulary import pattern

SORTS = pattern("$chosen.view(-1).argsort()")
SORTED = pattern("""
$counts = $chosen.new_zeros(($chosen.shape[0], len($list)))
$counts.scatter_(1, $chosen, 1)
$sizes = $counts.sum(dim=0)
$order = $chosen.view(-1).argsort()
$sorted = $states[$order // $chosen.shape[1]]
if ...:
    $shape = $sorted.shape
$sizes = $sizes.cpu().numpy()
$outputs = []
$start = 0
for $number, $size in enumerate($sizes):
    $end = $start + $size
    if $size == 0:
        continue
    $expert = $list[{$number, $number + $rank * $each}]
    $rows = $sorted[$start:$end]
    $result = $expert($rows)
    $outputs.append({$result, $result.to($states.device)})
    $start = $end
$joined = torch.cat($outputs, dim=0) if len($outputs) else $sorted.new_empty(0)
$back = torch.empty_like($joined)
$back[$order] = $joined
$total = (
    $back.view(*$chosen.shape, -1)
    .type($weights.dtype)
    .mul_($weights.unsqueeze(dim=-1))
    .sum(dim=1)
    .type($back.dtype)
)
""")
BY_MASK = """
$total = torch.zeros_like($states, dtype=$weights.dtype)
expert_mask = nn.functional.one_hot($chosen, num_classes=len($list)).permute(2, 0, 1)
for $number in range(len($list)):
    $expert = $list[$number]
    chosen_here = expert_mask[$number]
    tokens, choices = torch.where(chosen_here)
    if tokens.numel() > 0:
        expert_weights = $weights[tokens, choices]
        $rows = $states[tokens]
        $result = $expert($rows)
        weighted_output = $result * expert_weights.unsqueeze(-1)
        $total.index_add_(0, tokens, weighted_output)
$total = $total.type($states.dtype)
"""
NEW = frozenset({"expert_mask", "chosen_here", "tokens", "choices", "expert_weights", "weighted_output"})
SPREAD = pattern("if $ranks > 1:\n    $...exchanged")
EXCHANGES = pattern("{torch.distributed.all_to_all, torch.distributed.all_to_all_single}")
ASKED = """
if {spread}:
    raise ValueError("the experts are spread over several processes, which exchange tokens: give one process all")
"""


class ExpertsNotSorted(Rule):
    why = "How many tokens an expert gets depends on values; later rules find an expert's tokens by a mask."
    roles = (Role.LISTED_EXPERTS,)

    @property
    def construct(self) -> str:
        return f"`{SORTED.shown}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        if not find_all(SORTS, function.code):
            return function.code, 0
        code, ranks = _in_one_process(function.code)
        found = next(iter(find_all(SORTED, code)), None)
        sorting = code.statement_of(find_all(SORTS, code)[0].node)
        if found is None or not _is_of_names(found):
            raise Unmatched("choices are sorted by expert and computed in another way", sorting)
        _refuse_read(found, code, sorting)
        rank = self_attribute(found["rank"]) if "rank" in found.bound else None
        if "rank" in found.bound and (rank is None or not ranks or self_attribute(found["each"]) is None):
            raise Unmatched("the experts are numbered in another way", sorting)
        edits = Edits(code)
        edits.replace_statements(found.statements, fill(BY_MASK, found, edits))
        if ranks:
            spread = [*(f"self.{name} > 1" for name in ranks), *([] if rank is None else [f"self.{rank} > 0"])]
            edits.insert_above(code.body[0], ASKED.format(spread=" or ".join(spread)))
        return edits.done(), 1


def _in_one_process(code: Code) -> tuple[Code, tuple[str, ...]]:
    """Leave out what exchanges tokens, and give the attributes that say how many processes do."""
    edits = Edits(code)
    ranks: dict[str, None] = {}
    for statement in code.body:
        found = match(SPREAD, statement, code.aliases)
        if found is None or (attribute := self_attribute(found["ranks"])) is None:
            continue
        if any(any(find_in(EXCHANGES, item, code.aliases)) for item in found.rest("exchanged")):
            edits.remove(statement)
            ranks[attribute] = None
    return edits.done() if ranks else code, tuple(ranks)


def _is_of_names(found: Match) -> bool:
    """Whether all that is computed with has a name, and experts come from an attribute of `self`."""
    others = found.bound.keys() - {"list", "rank", "each"}
    return found.are_names(*others) and self_attribute(found["list"]) is not None


def _refuse_read(found: Match, code: Code, sorting: ast.stmt) -> None:
    """Refuse what reads, after it, a name that is bound in between, and names that stand for something else."""
    bound = {name for item in found.nodes for name in names_in(item, ast.Store)} - names_in(found["total"])
    others = [item for item in code.body if item not in found.nodes]
    later = {name for item in others if item.lineno > sorting.lineno for name in names_in(item)}
    if bound & later or NEW & (code.names | {found.name("total")} - bound):
        raise Unmatched("what is bound where choices are sorted by expert is read after it", sorting)
