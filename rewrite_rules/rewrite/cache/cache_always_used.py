"""Always use the KV cache.

`use_cache` and its default in the configuration choose between two models; the exported one has retained state, so the
choice is made.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.pattern_rule import FactsRule


class CacheAlwaysUsed(FactsRule):
    why = "The retained state is always taken and returned, so `use_cache` decides nothing."
    roles = CALL_PATH
    facts = {"use_cache": True}
