"""Return the cache with the other outputs, where upstream's output object has no place for it.

A model whose layers keep their states on themselves gives its cache to nobody. The exported one returns what it has
written, as every other one does, in the output object that has a field for it.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import add_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, bind_value
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules.vocabulary import CACHE

WITH_CACHE = {"BaseModelOutput": "BaseModelOutputWithPast", "CausalLMOutput": "CausalLMOutputWithPast"}


class CacheInOutputs(Rule):
    why = "The updated cache is an output of the graph, so the model returns it with the others."
    roles = (Role.MODEL, Role.CAUSAL_LM)
    names = tuple(WITH_CACHE)
    construct = f"`return <one of {', '.join(WITH_CACHE)}>(...)`, which has no field for the cache"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        # The field is called as the cache is by the release that the file is of.
        field = anatomy.model.cache_parameter
        for call in code.nodes(ast.Call) if function.is_forward else ():
            made = WITH_CACHE.get(spelled(call.func))
            if made is None:
                continue
            value = CACHE if function.role is Role.MODEL else f"{_outputs(edits, anatomy, call)}.{field}"
            edits.replace(call.func, made)
            add_keywords(edits, call, {field: value})
            count += 1
        returns = code.tree.returns
        if count and returns is not None and spelled(returns) in WITH_CACHE:
            edits.replace(returns, WITH_CACHE[spelled(returns)])
        return edits.done(), count


def _outputs(edits: Edits, anatomy: Anatomy, place: ast.AST) -> str:
    """The local that holds what the model returned; its annotation, which would be another class, goes.

    Raises:
        Unmatched: there is none, or more than one.
    """
    code = edits.code
    called = [node for node in code.nodes(ast.Assign) if _is_call_of(node.value, anatomy)]
    named = assigned(called[0]) if len(called) == 1 else None
    if named is None:
        raise Unmatched("it is not known what the model returned", place)
    bind_value(edits, called[0], named[0])
    return named[0]


def _is_call_of(value: ast.expr, anatomy: Anatomy) -> bool:
    return isinstance(value, ast.Call) and spelled(value.func) in anatomy.model.called_as
