"""Make the cache in one place, and from nothing else.

Older files take a tuple of pairs too, warn, and turn it into a cache object; the generated model takes pairs by a rule
of its own, before any of that. Some make a missing cache twice, in the same words; after the first time it is there.
"""

from __future__ import annotations

import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import CACHE, assigned_name, names_bound, only_statement, source, statements_of
from rewrite_rules._statements import with_body

LEGACY = re.compile(rf"(use_cache and )?isinstance\({CACHE}, tuple\)")
FROM_LEGACY = re.compile(rf"\w+\.from_legacy_cache\({CACHE}\)")
MISSING = re.compile(rf"(use_cache and )?{CACHE} is None")


class CacheMadeOnce(Rule):
    why = "The model is given its cache as pairs, by a rule of its own; what older files do with a tuple never runs."
    roles = (Role.MODEL,)
    words = (CACHE,)
    construct = (
        f"`if use_cache and isinstance({CACHE}, tuple): {CACHE} = <cache>.from_legacy_cache({CACHE})`, and a second "
        f"`if use_cache and {CACHE} is None: {CACHE} = ...` in the words of the first"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        kept: list[cst.BaseStatement] = []
        made = ""
        for item in body:
            text = source(item).strip()
            if _takes_tuple(item) or (made and text == made):
                continue
            if _makes_missing(item):
                made = text
            elif CACHE in names_bound(item):
                made = ""
            kept.append(item)
        count = len(body) - len(kept)
        return (with_body(function.node, kept), count) if function.is_forward and count else (function.node, 0)


def _takes_tuple(item: cst.BaseStatement) -> bool:
    """Whether a statement only turns a tuple into a cache, and warns."""
    if not isinstance(item, cst.If) or item.orelse is not None or not LEGACY.fullmatch(source(item.test)):
        return False
    body = statements_of(item.body)
    assigned = assigned_name(body[-1]) if body else None
    warns = all(_warns(inner) for inner in body[:-1])
    return (
        warns
        and assigned is not None
        and assigned[0] == CACHE
        and FROM_LEGACY.fullmatch(source(assigned[1])) is not None
    )


def _warns(item: cst.BaseStatement) -> bool:
    statement = only_statement(item)
    return isinstance(statement, cst.Expr) and source(statement.value).startswith("logger.warning")


def _makes_missing(item: cst.BaseStatement) -> bool:
    if not isinstance(item, cst.If) or item.orelse is not None or not MISSING.fullmatch(source(item.test)):
        return False
    return [(assigned_name(inner) or ("",))[0] for inner in statements_of(item.body)] == [CACHE]
