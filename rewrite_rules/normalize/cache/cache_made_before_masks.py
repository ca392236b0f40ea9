"""Make a missing cache before masks are built with it.

Some models build their masks first. A missing cache and an empty one give the same mask; in the generated model the
cache is what says how long the context is, so it must be there.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import mask_builders
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules.normalize.cache._missing_cache import missing_cache_made
from rewrite_rules.vocabulary import CACHE


class CacheMadeBeforeMasks(Rule):
    why = "The mask covers the context, whose length is the cache's: the cache is there before the mask is built."
    roles = (Role.MODEL,)
    names = (CACHE,)
    construct = f"`if use_cache and {CACHE} is None: {CACHE} = DynamicCache(...)` below a mask that is built with it"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        made = missing_cache_made(code.tree, CACHE) if function.is_forward else []
        builders = mask_builders(anatomy.file)
        masks = [item for item in code.body if any(spelled(call.func) in builders for call in find(ast.Call, item))]
        masks = [item for item in masks if CACHE in names_in(item)]
        if len(made) != 1 or not masks or masks[0].lineno > made[0].lineno:
            return code, 0
        edits = Edits(code)
        edits.insert_under_gap(masks[0], edits.statement_text(made[0]))
        edits.remove(made[0])
        return edits.done(), 1
