"""Make a bias from a mask of ones, as generation does, where upstream makes it otherwise when no mask is given.

Newer releases spare the mask when there is no padding, and ask the cache for the number of keys instead. Generation
always gives a mask, of ones where nothing is padded, so that branch is the one to follow; the rules that know such a
mask then find it.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, names_in
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

MASK = "attention_mask"
ABSENT = pattern("attention_mask is None")
MOVED = pattern("attention_mask = attention_mask.to(hidden_states.device)")
MADE = pattern("$bias = $_(attention_mask, ...)")


class MaskOfOnes(Rule):
    why = "Generation gives a mask of ones where nothing is padded; what is made from it is made from that mask."
    roles = (Role.MODEL,)
    names = (MASK,)
    construct = f"`if {ABSENT}: $bias = $_`, `else: {MADE}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        lengths = lengths_of(code.tree)
        if not function.is_forward or len(lengths.totals) != 1 or len(lengths.batch) != 1:
            return code, 0
        shape = f"({next(iter(lengths.batch))}, {next(iter(lengths.totals))})"
        edits = Edits(code)
        branches = [node for node in code.nodes(ast.If) if _makes_the_same(node)]
        for node in branches:
            made = edits.statement_with_comments(node.orelse[-1])
            edits.replace_statement(node, f"{MASK} = torch.ones({shape}, device=hidden_states.device)\n{made}")
        return edits.done(), len(branches)


def _makes_the_same(branch: ast.If) -> bool:
    """Whether a bias is made without a mask, and else from the mask, which is at most moved to a device before."""
    if match(ABSENT, branch.test) is None or not branch.orelse:
        return False
    if any(MASK in names_in(item, ast.Store) for item in branch.body):
        return False
    made, without = match(MADE, branch.orelse[-1]), assigned(branch.body[-1])
    moved = all(match(MOVED, item) is not None for item in branch.orelse[:-1])
    return moved and made is not None and without is not None and without[0] == made.spelled("bias")
