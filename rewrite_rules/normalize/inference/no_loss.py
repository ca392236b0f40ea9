"""Drop the training loss of the causal LM.

`labels` is never given to an exported decoder; without it the loss is None and its computation never runs.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import drop_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

LABELS, LOSS = "labels", "loss"
NO_LOSS = pattern("loss = None")
HANDED_ON = pattern("$_(..., loss=loss)")


class NoLoss(Rule):
    why = "The compiled graph only infers: there are no labels and no loss."
    roles = (Role.CAUSAL_LM,)
    names = (LABELS,)
    construct = "`if labels is not None: loss = ...`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, decided = fold(function.code, lambda test: none_comparison(test, {LABELS}))
        edits = Edits(code)
        drop_parameters(edits, [LABELS])
        made = find_all(NO_LOSS, code)
        for found in made:
            edits.remove(code.statement_of(found.node))
        for found in find_all(HANDED_ON, code):
            assert isinstance(found.node, ast.Call)
            drop_keywords(edits, found.node, [LOSS])
        left = edits.done()
        if LABELS in left.names:
            raise Unmatched("`labels` is used outside the loss", left.tree)
        return (left, max(decided, 1)) if decided or made else (function.code, 0)
