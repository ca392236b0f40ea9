"""Decide the questions for the attention implementation: it is eager.

Flash and SDPA kernels are chosen at run time, from the configuration; the export has eager arithmetic, which all of
them compute.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.conditions import TEXT
from qeff_codegen.engine.pattern_rule import FactsRule


class EagerImplementation(FactsRule):
    why = "The export has one attention implementation, eager; what others would run is never reached."
    roles = CALL_PATH
    facts = {
        "self.config._attn_implementation == 'eager'": True,
        "self.config._attn_implementation != 'eager'": False,
        "self.config._attn_implementation == $other": False,
        "self.config._attn_implementation != $other": True,
        "is_flash_attention_requested(...)": False,
    }
    where = {"other": TEXT}
