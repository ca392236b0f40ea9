"""Take the cache that a model returns from its own name, not out of the layer stack's result.

Where another module loops over the layers, its output object holds the cache it was given. The model has that cache by
name, and gives it back by that name. A stack that returns its hidden states alone has none to take it out of.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.layer_stacks import stacks_return_states
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import binds, results_of
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.normalize.cache._missing_cache import missing_cache_made
from rewrite_rules.vocabulary import CACHE, pattern

# What a caller gets who wants no output object.
BARE = pattern("if not return_dict:\n    return $_")


class CacheOfLayerStack(Rule):
    why = "The model gives back the cache it handed to its layers, by the name it has in the model."
    roles = (Role.MODEL,)
    construct = (
        f"`<outputs> = self.<stack>(..., {CACHE}={CACHE})`, and the field of `<outputs>` that holds it, returned"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        stacks = anatomy.parts(Role.LAYER_STACK)
        if not function.is_forward or not stacks or stacks_return_states(anatomy):
            return code, 0
        stack = stacks[0]
        made = missing_cache_made(stack.forward, stack.cache_parameter)
        if any(binds(item, {stack.cache_parameter}) for item in stack.forward.body if item not in made):
            raise Unmatched(f"`{stack.name}` makes a cache of its own, and the model has none", code.tree)
        fields = _fields_of_cache(stack)
        if not fields:
            raise Unmatched(f"`{stack.name}` returns something else than the cache it was given", code.tree)
        edits, count = Edits(code), 0
        for name in results_of(stack.called_as, code):
            for field in fields:
                for found in find_all(pattern(f"{name}.{field}"), code):
                    assert isinstance(found.node, ast.Attribute)
                    edits.replace(found.node, CACHE)
                    count += 1
        return edits.done(), count


def _fields_of_cache(stack: Part) -> set[str]:
    """The fields of the output object that hold the cache that came in, wherever it returns; empty if not always."""
    given = pattern("{$cache, $cache if use_cache else None}".replace("$cache", stack.cache_parameter))
    bare = {inner for item in stack.forward.body if match(BARE, item) for inner in find(ast.Return, item)}
    returned = [node.value for node in find(ast.Return, stack.forward) if node not in bare]
    fields = [
        {item.arg for item in value.keywords if item.arg and match(given, item.value)}
        for value in returned
        if isinstance(value, ast.Call)
    ]
    return set.intersection(*fields) if fields and len(fields) == len(returned) else set()
