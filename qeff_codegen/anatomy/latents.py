"""Latents that are cached in the place of keys and values, and expanded to these after they were read."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.made_of import made_of
from qeff_codegen.anatomy.modeling_file import bind, self_attribute
from qeff_codegen.anatomy.vocabulary import CACHE
from qeff_codegen.codemod.tree import find, spelled

UPDATE = f"{CACHE}.update"
# Where eager attention takes the values: after the module, the queries and the keys.
VALUES = 3


def expanded_latents(
    forward: ast.FunctionDef, methods: dict[str, ast.FunctionDef]
) -> tuple[tuple[str, str], set[str] | None] | None:
    """The two locals that are cached, if a method expands them afterwards, and which of them the values come from."""
    assigned = [(_targets(node), node.value) for node in find(ast.Assign, forward) if isinstance(node.value, ast.Call)]
    cached = next((results for results, call in assigned if spelled(call.func) == UPDATE), ())
    if len(cached) != 2:
        return None
    taken = _values_taken(forward)
    for results, call in assigned:
        method = methods.get(self_attribute(call.func) or "")
        given = {name: spelled(value) for name, value in bind(call, method).items()} if method else {}
        # A method that is given both may also be the attention itself.
        if method is None or not {*cached} <= {*given.values()} or taken not in results:
            continue
        parts = made_of(method)
        if parts is None or len(parts) != len(results):
            return (cached[0], cached[1]), None
        return (cached[0], cached[1]), {given.get(name, name) for name in parts[results.index(taken)] - {"self"}}
    return None


def _targets(node: ast.Assign) -> tuple[str, ...]:
    target = node.targets[0]
    return tuple(spelled(item) for item in target.elts) if isinstance(target, ast.Tuple) else ()


def _values_taken(forward: ast.FunctionDef) -> str:
    """The local that is handed to the attention function as its values."""
    calls = [call for call in find(ast.Call, forward) if len(call.args) > VALUES]
    taken = {spelled(call.args[VALUES]) for call in calls if spelled(call.args[0]) == "self"}
    return taken.pop() if len(taken) == 1 else ""
