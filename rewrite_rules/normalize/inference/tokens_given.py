"""Drop the branches for when no tokens are given.

An exported decoder takes `input_ids`. What upstream does without them, such as looking tokens up backwards from their
embeddings, cannot run, and often cannot be exported.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.pattern_rule import FactsRule


class TokensGiven(FactsRule):
    why = "The graph takes `input_ids`, so what upstream does without them never runs."
    roles = (Role.MODEL, Role.EMBEDDINGS)
    facts = {"input_ids is None": False, "input_ids is not None": True}
