"""Write K/V at `position_ids` instead of appending.

The compiled graph has a fixed-size cache in which a token's slot is its position. The cache learns the position, the
row a batch entry uses (continuous batching) and how much of the context attention reads this time (CCL), which is the
width of the mask.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.engine.conditions import LAYER_INDEX
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import Change, PatternRule
from qeff_codegen.engine.rule import Expect, Unmatched


class CacheUpdateByPosition(PatternRule):
    why = "The compiled graph has a fixed-size cache; a token's slot is its position, so the cache must be told it."
    roles = (Role.ATTENTION,)
    expect = Expect.EXACTLY_ONE
    changes = (
        Change(
            "$taken = $cache.update($key, $value, $layer, ...)",
            'cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index, '
            f'"CCL": {MASK}.shape[-1]}}\n'
            "$taken = $cache.update($key, $value, $layer, cache_kwargs)",
            where={"layer": LAYER_INDEX},
        ),
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, count = super().rewrite(function, anatomy)
        if count and MASK not in function.code.parameters:
            raise Unmatched(f"the cache is updated where no `{MASK}` is known", function.code.tree)
        return code, count
