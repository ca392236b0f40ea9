"""Decide the questions whether two tensors are on the same device: in an exported graph there is one.

Upstream moves tables to the device of a call, and keeps the moved table on `self`, which a graph cannot do. Releases
of 4.x also spread their layers over devices when they are told to, by `parallelize`, which nobody calls.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.pattern_rule import FactsRule


class OneDevice(FactsRule):
    why = "The whole graph runs on one device, so nothing is moved, and nothing moved is kept."
    roles = CALL_PATH
    facts = {"$_.device == $_.device": True, "$_.device != $_.device": False, "self.model_parallel": False}
