"""Counting that begins after the pad token's number, which `generate()` never lets run.

Some embeddings keep the rows up to the pad token's number for pads. Without positions they count from the row after
it, and pads not at all. `generate()` gives every causal LM that takes `position_ids` positions from 0, so its users
get the rows from 0; who calls upstream's forward without positions gets others.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.codemod.tree import statements_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.patterns.match import Match, match
from rewrite_rules.vocabulary import POSITIONS, pattern

COUNTED = pattern(f"{POSITIONS} = $of_tokens(input_ids, self.padding_idx, $_)")
REAL = pattern("$mask = input_ids.ne(padding_idx).int()")
NUMBERED = pattern("$count = (torch.cumsum($mask, dim=1).type_as($mask) + $seen) * $mask")
AFTER_PAD = pattern("return $count.long() + padding_idx")
OWN_INPUTS = "prepare_inputs_for_generation"


def counts_after_pad(statement: ast.AST, function: Function, anatomy: Anatomy) -> bool:
    """Whether a statement only counts tokens on from the pad's number, and `generate()` gives positions instead."""
    found = match(COUNTED, statement, function.code.aliases)
    return found is not None and _numbers_tokens(found, function, anatomy) and _given_by_generate(anatomy)


def _given_by_generate(anatomy: Anatomy) -> bool:
    """Whether `generate()` gives positions: to every forward that takes them, where a class leaves that to it."""
    methods = anatomy.causal_lm.cls.methods
    return POSITIONS in parameters(anatomy.causal_lm.forward) and OWN_INPUTS not in methods


def _numbers_tokens(found: Match, function: Function, anatomy: Anatomy) -> bool:
    """Whether the helper of a branch numbers the tokens that are no pads, one by one, and does nothing else."""
    name = found.spelled("of_tokens").removeprefix("self.")
    cls = anatomy.file.classes[function.owner or ""]
    helper = cls.methods.get(name) or anatomy.file.functions.get(name)
    body = statements_of(helper) if helper is not None else []
    if len(body) != 3:
        return False
    real, numbered, returned = (
        match(each, item) for each, item in zip((REAL, NUMBERED, AFTER_PAD), body, strict=True)
    )
    if real is None or numbered is None or returned is None:
        return False
    return real.spelled("mask") == numbered.spelled("mask") and numbered.spelled("count") == returned.spelled("count")
