"""Make the cache in one place, and from nothing else.

Older files take a tuple of pairs too, warn, and turn it into a cache object; the generated model takes pairs by a rule
of its own, before any of that. Some make a missing cache twice, in the same words; after the first time it is there.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import binds
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import equal, match
from rewrite_rules.vocabulary import CACHE, pattern

TUPLE_TAKEN = pattern(f"""
if {{use_cache and isinstance({CACHE}, tuple), isinstance({CACHE}, tuple)}}:
    $...warned
    {CACHE} = $_.from_legacy_cache({CACHE})
""")
WARNED = pattern("{logger.warning, logger.warning_once}(...)")
MADE = pattern(f"""
if {{use_cache and {CACHE} is None, {CACHE} is None}}:
    {CACHE} = $_
""")


class CacheMadeOnce(Rule):
    why = "The model is given its cache as pairs, by a rule of its own; what older files do with a tuple never runs."
    roles = (Role.MODEL,)
    names = (CACHE,)
    construct = (
        f"`if use_cache and isinstance({CACHE}, tuple): {CACHE} = <cache>.from_legacy_cache({CACHE})`, and a second "
        f"`if use_cache and {CACHE} is None: {CACHE} = ...` in the words of the first"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        made: ast.stmt | None = None
        for item in code.body if function.is_forward else ():
            if _takes_tuple(item) or (made is not None and equal(made, item)):
                edits.remove(item)
                count += 1
            elif match(MADE, item):
                made = item
            elif binds(item, {CACHE}):
                made = None
        return edits.done(), count


def _takes_tuple(item: ast.stmt) -> bool:
    """Whether a statement only turns a tuple into a cache, and warns."""
    found = match(TUPLE_TAKEN, item)
    warned = found.bound["warned"] if found is not None else None
    return isinstance(warned, list) and all(match(WARNED, inner) for inner in warned)
