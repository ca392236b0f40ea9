"""Take positions from `position_ids` where an attention counts them from the length of the cache.

A preallocated cache is as long as the context, so its length does not tell how many tokens came before. Where upstream
makes `arange(<new tokens>) + <cache length>`, one row for the whole batch, `position_ids` holds the positions, one row
for each sequence; what is shaped for the one row is shaped for all.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.engine.conditions import READ_NOWHERE_ELSE, Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import Change, PatternRule

COUNTED = Change(
    "$seen = $cache.get_seq_length(self.layer_idx) if $cache is not None else 0\n"
    "$positions = torch.arange(hidden_states.shape[1], device=hidden_states.device) + $seen",
    "$positions = position_ids",
    where={"seen": READ_NOWHERE_ELSE},
)
ONE_ROW = Change(
    "$row.view((1, input_shape[-1], 1, 1)).expand((*input_shape, 1, 1))", "$row.view((*input_shape, 1, 1))"
)


class PositionsFromIds(PatternRule):
    why = "The length of a preallocated cache says nothing about positions; `position_ids` does, for every row."
    roles = (Role.ATTENTION,)
    changes = (COUNTED, ONE_ROW)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        counted = len(COUNTED.matches(Place(function.code, None, anatomy)))
        return (super().rewrite(function, anatomy)[0], counted) if counted else (function.code, 0)
