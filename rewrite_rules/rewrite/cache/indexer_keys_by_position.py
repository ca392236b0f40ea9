"""Write an indexer's keys at `position_ids` instead of appending.

An indexer scores keys of its own, which are kept beside those of attention: a token's slot is its position there too.
Its mask is as wide as the keys that it reads this time (CCL).
"""

from __future__ import annotations

from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.conditions import LAYER_INDEX
from qeff_codegen.engine.pattern_rule import Change, PatternRule
from qeff_codegen.engine.rule import Expect
from rewrite_rules.vocabulary import CACHE


class IndexerKeysByPosition(PatternRule):
    why = "An indexer's keys have slots as attention's have; a token's slot is its position."
    roles = (Role.INDEXER,)
    expect = Expect.EXACTLY_ONE
    changes = (
        Change(
            f"$taken = {CACHE}.update_indexer($keys, $layer)",
            'cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index, '
            f'"CCL": {MASK}.shape[-1]}}\n'
            f"$taken = {CACHE}.update_indexer($keys, $layer, cache_kwargs)",
            where={"layer": LAYER_INDEX},
        ),
    )
