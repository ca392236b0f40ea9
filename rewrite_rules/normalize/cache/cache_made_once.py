"""Make the cache in one place, and from nothing else.

Older files take a tuple of pairs too, warn, and turn it into a cache object; the generated model takes pairs by a rule
of its own, before any of that. Some make a missing cache twice, in the same words; after the first time it is there.
Some ask for the use of a cache first, and then whether it is missing or a tuple.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits, block_text
from qeff_codegen.codemod.names import binds
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import Match, equal, match
from qeff_codegen.patterns.template import fill
from rewrite_rules.vocabulary import CACHE, pattern

TUPLE_TAKEN = pattern(f"""
if {{use_cache and isinstance({CACHE}, tuple), isinstance({CACHE}, tuple)}}:
    $...warned
    {CACHE} = $_.from_legacy_cache({CACHE})
""")
ASKED_IN_TURN = pattern(f"""
if use_cache:
    if {CACHE} is None:
        {CACHE} = $made
    elif isinstance({CACHE}, tuple):
        $...warned
        {CACHE} = $_.from_legacy_cache({CACHE})
    $...more
""")
MAKE = f"if use_cache and {CACHE} is None:\n    {CACHE} = $made\n"
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
        f"`if use_cache and {CACHE} is None: {CACHE} = ...` in the words of the first, or both below `if use_cache`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        made: ast.stmt | None = None
        for item in code.body if function.is_forward else ():
            if (asked := match(ASKED_IN_TURN, item)) is not None and _only_warns(asked):
                more = [edits.statement_text(inner) for inner in asked.rest("more")]
                text = fill(MAKE, asked, edits) + (f"if use_cache:\n{block_text(more)}" if more else "")
                edits.replace_statement(item, text)
                count += 1
            elif _takes_tuple(item) or (made is not None and equal(made, item)):
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
    return found is not None and _only_warns(found)


def _only_warns(found: Match) -> bool:
    """Whether all that stands before a tuple is turned into a cache warns."""
    warned = found.bound["warned"]
    return isinstance(warned, list) and all(match(WARNED, inner) for inner in warned)
