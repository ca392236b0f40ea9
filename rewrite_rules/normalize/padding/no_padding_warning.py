"""Drop the warning about padding without an attention mask.

Pads are marked by a position of -1; there is no attention mask to warn about.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.pattern_rule import Change, PatternRule


class NoPaddingWarning(PatternRule):
    why = "Pads are told by `position_ids`, so a missing attention mask is nothing to warn about."
    roles = (Role.MODEL, Role.CAUSAL_LM)
    changes = (Change("self.warn_if_padding_and_no_attention_mask(...)", ""),)
