"""Make a missing cache in the model, where only the module that it hands its layers to makes it.

Upstream's model then takes a missing cache for one of length 0, and so it takes an empty one. It is made before the
model reads it for the first time.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import binds
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules.normalize.cache._missing_cache import missing_cache_made
from rewrite_rules.vocabulary import CACHE

MAKE = f"if use_cache and {CACHE} is None:\n    {CACHE} = DynamicCache(config=self.config)"


class CacheMadeByModel(Rule):
    why = "The model has the cache that its layers are handed, so that it is the one that takes and returns it."
    roles = (Role.MODEL, Role.LAYER_STACK)
    construct = f"`if use_cache and {CACHE} is None: {CACHE} = DynamicCache(...)` in what loops over the layers"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        stacks = anatomy.parts(Role.LAYER_STACK)
        if not function.is_forward or not any(
            missing_cache_made(item.forward, item.cache_parameter) for item in stacks
        ):
            return code, 0
        edits = Edits(code)
        if function.role is Role.LAYER_STACK:
            made = missing_cache_made(code.tree, CACHE)
            for item in made:
                edits.remove(item)
            return edits.done(), len(made)
        if binds(code.tree, {CACHE}):
            return code, 0
        first = next(item for item in code.body if any(name.id == CACHE for name in find(ast.Name, item)))
        edits.insert_under_gap(first, MAKE)
        return edits.done(), 1
