"""Name the number of key and value heads in the configuration, where upstream's has no name for it.

A target whose export asks the configuration for the size of the cache, and not the model, needs it there. Where
upstream knows of no grouped heads every query head has keys and values of its own.
"""

from __future__ import annotations

import re

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.targets.target import Target

# How files name heads that queries share, or a decoder's own; with one of them nothing is to be added.
_OTHER_NAMES = re.compile(
    r"\b(?:num_key_value\w*|\w*kv_(?:n_)?heads|num_heads_kv|n_heads?|\w*multi_query\w*|\w*query_groups?\w*|repeat_kv"
    r"|repeat_interleave|decoder_attention_heads)\b"
)
PREPARE = """\
def __qeff_init__(self):
    # Every head has keys and values of its own; the export asks the configuration how many there are.
    self.config.num_key_value_heads = self.config.num_attention_heads
"""


class HeadsInConfiguration(Rule):
    why = "The export asks the configuration how many key and value heads the cache has, and upstream's does not say."
    roles = (Role.MODEL,)
    construct = "a modeling file in which no heads are shared"

    def runs_for(self, target: Target) -> bool:
        return not target.own_caches

    def apply(self, draft: Draft) -> None:
        source = draft.anatomy.file.upstream.source
        models = [part.name for part in draft.anatomy.parts(Role.MODEL)]
        missing = "num_attention_heads" in source and not _OTHER_NAMES.search(source)
        for name in models if missing else []:
            draft.add_method(name, PREPARE, self.id)
        draft.matches[self.id] = len(models) if missing else 0
