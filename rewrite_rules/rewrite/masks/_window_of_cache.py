"""Caches that forget what their masks show: a window that layers have and no mask does.

Layers that read a window from the configuration get a cache of that window from upstream, which forgets what lies
before it, and how much a call still sees then depends on how tokens are split into calls. Where the window is as long
as all positions that the model knows, nothing is ever forgotten; with a shorter one it is an error, not ignored.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.codemod.code import Code
from qeff_codegen.patterns.match import find_all, find_in
from rewrite_rules.vocabulary import CACHE, pattern

READS_WINDOW = pattern("config.sliding_window")
# A cache that knows nothing of the configuration forgets nothing.
BARE_CACHE = pattern(f"{CACHE} = DynamicCache()")
# A layer of one kind may read it, and a configuration without such layers have none.
ALL_SEEN = (
    'if (getattr(self.config, "sliding_window", None) or self.config.max_position_embeddings)'
    " < self.config.max_position_embeddings:\n"
    '    raise ValueError("with `sliding_window` below `max_position_embeddings` the cache forgets what masks show")'
)


def cache_forgets(code: Code, anatomy: Anatomy) -> bool:
    """Whether some class reads the window from the configuration: upstream's cache then has it, if it is told."""
    if find_all(BARE_CACHE, code):
        return False
    initializers = (anatomy.file.classes[name].methods.get("__init__") for name in anatomy.reachable)
    return any(next(find_in(READS_WINDOW, item), None) is not None for item in initializers if item is not None)
