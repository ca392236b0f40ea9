"""Compute every projection as a whole, where upstream can also compute it in slices, as it was trained.

With `pretraining_tp` of more than 1, some files multiply slices of each weight one after another, to reproduce what
several ranks computed. Every other configuration has 1, and the graph has one product for each projection; another
number is an error, and not ignored.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import statements_of
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.pattern_rule import FactsRule

RANKS = "self.config.pretraining_tp"
ASKED = f"""
if {RANKS} > 1:
    raise ValueError("with `config.pretraining_tp` of more than 1 projections are computed in slices")
"""


class OneRank(FactsRule):
    why = "Each projection is one product: a configuration that computes it in slices is an error, not ignored."
    roles = CALL_PATH
    facts = {f"{RANKS} > 1": False, f"{RANKS} == 1": True, f"{RANKS} != 1": False}

    def apply(self, draft: Draft) -> None:
        super().apply(draft)
        if not draft.matches[self.id]:
            return
        for function in [item for item in draft.of(Role.MODEL) if item.is_forward]:
            edits = Edits(function.code)
            edits.insert_above(statements_of(function.code.tree)[0], ASKED)
            function.replace(edits.done(), self.id)
