"""Leave scores as they are after the mask, where upstream raises them to the smallest number that there is.

Two masks that are added up may give less than the smallest number; files of 4.28 to 4.30 bring that back to it. The
boolean mask puts one number in the place of a score, so that none is less.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.conditions import READ_NOWHERE_ELSE
from qeff_codegen.engine.pattern_rule import Change, PatternRule

LEAST = "torch.tensor(torch.finfo($scores.dtype).min, ...)"


class NoLeastScore(PatternRule):
    why = "The mask puts one number in the place of a score, so that none is less than the smallest number."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    changes = (
        Change(f"$scores = torch.max($scores, {LEAST})", ""),
        Change(f"$least = {LEAST}\n$scores = torch.max($scores, $least)", "", where={"least": READ_NOWHERE_ELSE}),
    )
