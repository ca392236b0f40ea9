"""Hand the cache on by its own name where a part gives it another first.

A local that is bound once, to the cache or to nothing where none is used, and then given to the next part is the cache
as long as nothing binds that anew in between. Generated code always uses one.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.bindings import bindings
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, read_instead
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import CACHE, pattern

SAME = pattern(f"{{{CACHE}, {CACHE} if use_cache else None}}")


class CacheByLocalName(Rule):
    why = "What a part calls the cache before it hands it on is the cache; later rules know it by one name."
    roles = (Role.CAUSAL_LM, Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER)
    construct = f"`$name = {CACHE}`, given to the next part"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        callees = anatomy.callees(function.role)
        handed = {
            spelled(value)
            for call in code.nodes(ast.Call)
            if spelled(call.func) in callees
            for value in (*call.args, *(keyword.value for keyword in call.keywords))
        }
        edits, names = Edits(code), set[str]()
        for node in code.nodes(ast.Assign):
            name, value = assigned(node) or ("", node.value)
            if name in handed - {CACHE} and match(SAME, value) is not None:
                _refuse_other_bindings(name, node, code)
                edits.remove(node)
                names.add(name)
        edits = Edits(edits.done())
        for name in sorted(names):
            read_instead(edits, name, CACHE)
        return edits.done(), len(names)


def _refuse_other_bindings(name: str, node: ast.Assign, code: Code) -> None:
    """Refuse a name that is bound to something else too, and a cache that is bound after the name is."""
    bound = [item for item in bindings(code.tree) if item.name == name]
    later = [
        item for item in bindings(code.tree) if item.name == CACHE and getattr(item.node, "lineno", 0) > node.lineno
    ]
    if len(bound) != 1 or later:
        raise Unmatched(f"`{name}`, a name of the cache, is something else too", node)
