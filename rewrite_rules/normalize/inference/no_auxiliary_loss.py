"""Drop the loss that balances the load of experts.

It is one more term for training. Nothing else reads it, so neither the branch that computes it nor the counting of
tokens in there has a place in the graph.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import drop_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

AUXILIARY = "aux_loss"
NONE = pattern("aux_loss = None")
COMPUTED = pattern("if $_:\n    aux_loss = $_")
ADDED = pattern("if $_:\n    aux_loss = $_\n    if labels is not None:\n        loss = loss + $_")
HANDED_ON = pattern("$_(..., aux_loss=aux_loss)")
# The tuple that an old caller may ask for holds the loss too.
AS_OBJECT = pattern("return_dict")


class NoAuxiliaryLoss(Rule):
    why = "The compiled graph only infers: the loss that balances experts is for training alone."
    roles = (Role.CAUSAL_LM,)
    names = (AUXILIARY,)
    construct = f"`{NONE}`, then `if <flag>: {AUXILIARY} = ...`, which only the output and the loss read"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, _ = fold(function.code, lambda test: True if match(AS_OBJECT, test) else None)
        edits = Edits(code)
        for found in find_all(HANDED_ON, code):
            assert isinstance(found.node, ast.Call)
            drop_keywords(edits, found.node, [AUXILIARY])
        branches = [*find_all(COMPUTED, code), *find_all(ADDED, code)]
        for found in [*find_all(NONE, code), *branches]:
            edits.remove(code.statement_of(found.node))
        left = edits.done()
        if AUXILIARY in left.names:
            raise Unmatched(f"`{AUXILIARY}` is used outside the loss", left.tree)
        return left, len(branches)
