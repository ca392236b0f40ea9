"""Drop what only training runs.

An exported decoder is always in evaluation mode, so `self.training` is false; branches on it, gradient checkpointing
among them, can never be taken.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.pattern_rule import FactsRule


class InferenceOnly(FactsRule):
    why = "The compiled graph only infers: `self.training` is false, and branches on it never run."
    roles = (*CALL_PATH, Role.ATTENTION_FUNCTION, Role.EXPERTS, Role.LISTED_EXPERTS)
    facts = {"self.training": False, "module.training": False}
