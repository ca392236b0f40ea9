"""Write K/V at `position_ids` instead of appending.

The compiled graph has a fixed-size cache in which a token's slot is its position. The cache learns the position, the
row a batch entry uses (continuous batching) and how much of the context attention reads this time (CCL), which is the
width of the mask.

Layers that run several times in a call have a place in the cache for each run; a target whose export counts layers has
no such places.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.caches import added_to_index
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.engine.conditions import LAYER_INDEX
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.pattern_rule import Change, PatternRule
from qeff_codegen.engine.rule import Expect, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

UPDATE = pattern("$_.update($_, $_, $layer, ...)")


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

    def apply(self, draft: Draft) -> None:
        for function in draft.of(*self.roles) if not draft.target.own_caches else ():
            for found in find_all(UPDATE, function.code):
                if added_to_index(found["layer"], function.code.tree):
                    what = f"the target `{draft.target.name}` exports one pair of keys and values for each layer"
                    raise self.refuse(draft, function, what, found.node)
        super().apply(draft)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, count = super().rewrite(function, anatomy)
        if count and MASK not in function.code.parameters:
            raise Unmatched(f"the cache is updated where no `{MASK}` is known", function.code.tree)
        return code, count
