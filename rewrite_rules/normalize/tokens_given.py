"""Drop the branches for when no tokens are given.

An exported decoder takes `input_ids`. What upstream does without them, such as looking tokens up backwards from their
embeddings, cannot run, and often cannot be exported.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold, none_comparison

TOKENS = frozenset({"input_ids"})


class TokensGiven(Rule):
    why = "The graph takes `input_ids`, so what upstream does without them never runs."
    roles = (Role.MODEL, Role.EMBEDDINGS)
    words = ("input_ids is",)
    construct = "`if input_ids is None: ...`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        return fold(function.node, _absent)


def _absent(test: cst.BaseExpression) -> bool | None:
    found = none_comparison(test, TOKENS)
    return None if found is None else not found
