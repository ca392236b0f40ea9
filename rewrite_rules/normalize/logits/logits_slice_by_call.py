"""Spell the choice of kept logits one way: `slice_logits_to_keep(hidden_states, logits_to_keep)`.

Older releases compute `slice_indices` from `logits_to_keep` and index with it on the way into the head, or slice by
the number itself; newer ones have a function for it. All keep the same rows.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.conditions import bound_to
from qeff_codegen.engine.pattern_rule import Change, PatternRule

CHOICE = "slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep"
CHOSEN = {"rows": bound_to(CHOICE)}


class LogitsSliceByCall(PatternRule):
    why = "Two releases spell the choice of kept logits differently; later rules see one spelling."
    roles = (Role.CAUSAL_LM,)
    changes = (
        Change("$states[:, $rows, :]", "slice_logits_to_keep($states, logits_to_keep)", where=CHOSEN),
        Change("$states[:, -logits_to_keep:, :]", "slice_logits_to_keep($states, logits_to_keep)"),
        Change(f"$rows = {CHOICE}", "", where=CHOSEN),
    )
