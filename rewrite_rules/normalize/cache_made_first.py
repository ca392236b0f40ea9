"""Make the cache before anything asks for it.

Some files make an empty cache late, just before the layers. The mask is as wide as the cache, so the cache is made
where it is first spoken of. An empty cache and none are the same to upstream.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import CACHE, names_loaded, source, statements_of

MADE = f"{CACHE} = DynamicCache("


class CacheMadeFirst(Rule):
    why = "The mask is as wide as the cache, so the cache is there before the mask is built."
    roles = (Role.MODEL,)
    construct = f"`if use_cache and {CACHE} is None: {MADE}...)` after the first use of `{CACHE}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        body = statements_of(function.node.body)
        made = next((index for index, item in enumerate(body) if _makes_cache(item)), None)
        used = next((index for index, item in enumerate(body) if CACHE in names_loaded(item)), None)
        if made is None or used is None or used == made:
            return function.node, 0
        moved = [*body[:used], body[made], *body[used:made], *body[made + 1 :]]
        return function.node.with_changes(body=function.node.body.with_changes(body=moved)), 1


def _makes_cache(item: cst.BaseStatement) -> bool:
    statements = statements_of(item.body) if isinstance(item, cst.If) and item.orelse is None else []
    return len(statements) == 1 and source(statements[0]).strip().startswith(MADE)
