"""The statement that makes a missing cache, in the module that loops over the layers."""

from __future__ import annotations

import ast

from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

MADE = """
if use_cache and $cache is None:
    $cache = {DynamicCache($...own), EncoderDecoderCache(DynamicCache($...own), DynamicCache($...other))}
"""


def missing_cache_made(forward: ast.FunctionDef, cache: str) -> list[ast.stmt]:
    """The statements of a forward that make its cache where there is none, and do nothing else.

    Args:
        forward: the forward; only its own statements count, not those of branches.
        cache: what the cache is called there.
    """
    made = pattern(MADE.replace("$cache", cache))
    return [item for item in forward.body if match(made, item)]
