"""Look learned positions up by indexing the table, so that pads do not fall off it.

A pad's position is -1. `nn.Embedding` refuses a negative index in PyTorch; indexing its weight takes the last row, as
ONNX's Gather does, and a pad's result is never used.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.conditions import made_by
from qeff_codegen.engine.pattern_rule import Change, PatternRule


class LearnedPositions(PatternRule):
    why = "A pad's position is -1: indexing the table accepts it, calling the embedding does not."
    roles = (Role.MODEL, Role.EMBEDDINGS)
    changes = (
        Change(
            "$table(position_ids)",
            "$table.weight[position_ids]",
            where={"table": made_by("Embedding")},
            near="$table(position_ids, ...)",
            near_says="a table of positions is looked up with more than the positions",
        ),
    )
