"""Drop the positions that upstream makes up when none are given.

An exported decoder is always given `position_ids`. The branch for their absence counts on from the length of a growing
cache, which a preallocated one does not have, so it could only be wrong. That is so for a branch that counts tokens
one by one from what is cached; one that does anything else makes another model, and is a refusal. Given positions are
sometimes brought into the shape that they have.

Embeddings that are a module of their own count with a buffer of all positions, from the number of tokens that their
caller says are cached. Some begin after the number of the pad token, and not at 0. Where `generate()` gives positions,
which are those from 0, that count never runs for its users, and it goes; anywhere else it is a refusal.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.engine.conditions import Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import FactsRule
from qeff_codegen.engine.rule import Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from rewrite_rules.normalize.positions._counts_after_pad import counts_after_pad
from rewrite_rules.vocabulary import COUNT, POSITIONS, pattern

QUESTION = pattern(f"{{{POSITIONS} is None, {POSITIONS} is not None}}")
ABSENT = (
    pattern(f"if {POSITIONS} is None:\n    $...made_up"),
    pattern(f"if {POSITIONS} is None:\n    $...made_up\nelse:\n    $...shaped"),
)
# Positions are whole numbers, [batch, tokens].
SHAPED = pattern(
    f"{POSITIONS} = {{{POSITIONS}.view(-1, $new), {POSITIONS}.view(-1, $new).long(), {POSITIONS}.long()}}"
)
# How upstream counts: from what is cached, or, for padded batches, the tokens that are not pads.
COUNTED = pattern(
    f"{POSITIONS} = {{{COUNT}, ({COUNT}).unsqueeze(0),"
    " torch.arange($seen, $new + $seen, dtype=torch.long, device=$_)}"
)
# Some count from 0, and add what is cached afterwards or leave that to their caller.
FROM_ZERO = pattern(f"{POSITIONS} = {{torch.arange($new, device=$_), torch.arange($new, device=$_).unsqueeze(0)}}")
GOES_ON = pattern(f"{POSITIONS} = {{{POSITIONS} + $seen, ({POSITIONS} + $seen).unsqueeze(0)}}")
UNPADDED = pattern(
    f"{POSITIONS} = {{torch.cumsum($mask, dim=1), ({POSITIONS} * $mask - 1).long(), {POSITIONS}[:, $seen:]}}"
)
MASK = pattern("{attention_mask, position_attention_mask}")
ROWS = pattern(
    f"{POSITIONS} = {{{POSITIONS}.unsqueeze(0), {POSITIONS}.unsqueeze(0).expand($_, -1),"
    f" {POSITIONS}.unsqueeze(0).repeat($_, 1), {POSITIONS}.unsqueeze(0).view(-1, $_),"
    f" {POSITIONS}.view(1, 1, -1).expand($_, $_, -1)}}"
)
LENGTH = pattern("$_ = {$SEEN, $_.shape[0]}")
DEVICE = pattern("$_ = {$_.device, $_.device if $_ is not None else $_.device}")
# A buffer that holds its own index.
ALL_POSITIONS = pattern("torch.arange($_).expand((1, -1))")


class PositionsGiven(FactsRule):
    why = "`position_ids` is always given; counting on from the length of a preallocated cache would be wrong."
    roles = (*CALL_PATH, Role.EMBEDDINGS)
    facts = {f"{POSITIONS} is None": False, f"{POSITIONS} is not None": True}
    construct = f"`if {POSITIONS} is None:` with nothing but counts, such as `{COUNT}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = _without_shaping(function.code)
        place = Place(code, anatomy.file.classes.get(function.owner or ""), anatomy)
        code, decided = fold(code, self.truth(place))
        other = next(_not_counting(function, anatomy), None) if decided else None
        if other is not None:
            text = ast.unparse(other).split("\n", 1)[0]
            raise Unmatched(f"without `{POSITIONS}` upstream does more than count: `{text}`", other)
        return code, decided


def _not_counting(function: Function, anatomy: Anatomy) -> Iterator[ast.AST]:
    """What hangs on whether positions are given, and does not count them."""
    code = function.code
    lengths = lengths_of(code.tree)
    sliced = [pattern(f"{POSITIONS} = self.{name}[:, $seen : $new + $seen]") for name in _buffers(function, anatomy)]

    def counts(statement: ast.AST) -> bool:
        if any(match(form, statement, code.aliases) for form in (ROWS, LENGTH, DEVICE)):
            return True
        if function.role is Role.EMBEDDINGS and counts_after_pad(statement, function, anatomy):
            return True
        if found := match(UNPADDED, statement, code.aliases):
            return lengths.is_seen(found["seen"]) if "seen" in found.bound else match(MASK, found["mask"]) is not None
        if found := match(FROM_ZERO, statement, code.aliases):
            return lengths.counts_new(found["new"])
        if found := match(GOES_ON, statement, code.aliases):
            return lengths.is_seen(found["seen"])
        if found := match(COUNTED, statement, code.aliases):
            return lengths.counts_new(found["new"]) and lengths.is_seen(found["seen"])
        found = next((item for each in sliced if (item := match(each, statement))), None)
        return found is not None and lengths.counts_new(found["new"]) and found.spelled("seen") in code.parameters

    for question in find_all(QUESTION, code):
        branch = code.parent(question.node)
        forms = (match(form, branch) for form in ABSENT) if isinstance(branch, ast.If) else ()
        found = next((item for item in forms if item is not None and _only_shapes(item, code)), None)
        made_up = found.bound["made_up"] if found is not None else [question.node]
        assert isinstance(made_up, list)
        yield from (item for item in made_up if not counts(item))


def _without_shaping(code: Code) -> Code:
    """A function that brings given positions into no shape, where they have it."""
    edits = Edits(code)
    for found in find_all(ABSENT[1], code):
        if _only_shapes(found, code):
            for item in found.rest("shaped"):
                edits.remove(item)
    return edits.done()


def _only_shapes(branch: Match, code: Code) -> bool:
    """Whether the `else` of a branch, if it has one, only brings positions into the shape that they have."""
    lengths = lengths_of(code.tree)
    shaped = [match(SHAPED, item) for item in branch.rest("shaped")] if "shaped" in branch.bound else []
    return all(item is not None and ("new" not in item.bound or lengths.counts_new(item["new"])) for item in shaped)


def _buffers(function: Function, anatomy: Anatomy) -> list[str]:
    """The buffers of all positions with which embeddings count."""
    cls = anatomy.file.classes.get(function.owner or "") if function.role is Role.EMBEDDINGS else None
    return [item.name for item in buffers_of(cls.node) if match(ALL_POSITIONS, item.value)] if cls is not None else []
