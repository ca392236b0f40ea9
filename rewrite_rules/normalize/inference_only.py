"""Drop what only training runs.

An exported decoder is always in evaluation mode, so `self.training` is false; branches on it, gradient checkpointing
among them, can never be taken.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold
from rewrite_rules._matching import source


class InferenceOnly(Rule):
    why = "The compiled graph only infers: `self.training` is false, and branches on it never run."
    roles = (*CALL_PATH, Role.ATTENTION_FUNCTION, Role.LISTED_EXPERTS)
    words = ("training",)
    construct = "a condition on `self.training`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        return fold(function.node, _is_training)


def _is_training(expression: cst.BaseExpression) -> bool | None:
    if isinstance(expression, cst.Attribute) and source(expression) in ("self.training", "module.training"):
        return False
    return None
