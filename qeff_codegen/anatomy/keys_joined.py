"""Keys and values that an attention joins to those of the cache after it has updated it."""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import find, parents, spelled
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

GIVEN = Pattern("$given is not None")


def joined_after_update(forward: ast.FunctionDef | None) -> dict[ast.Assign, str]:
    """Every `k = torch.cat([..., k], ...)` below the update that gives `k`, with what it hangs on.

    That is the parameter that an `if <parameter> is not None:` around it asks for; empty where there is none.
    """
    updated: dict[str, int] = {}
    found: dict[ast.Assign, str] = {}
    for node in find(ast.Assign, forward):
        call = node.value if isinstance(node.value, ast.Call) else None
        if call is not None and isinstance(call.func, ast.Attribute) and call.func.attr == "update":
            updated.update(dict.fromkeys((item.id for item in find(ast.Name, node.targets[0])), node.lineno))
    for node in find(ast.Assign, forward):
        if isinstance(node.value, ast.Call):
            several = node.value.args[0] if node.value.args else None
            joined = several.elts if isinstance(several, (ast.List, ast.Tuple)) else []
            target = spelled(node.targets[0])
            joins = len(joined) > 1 and target in {spelled(item) for item in joined}
            joins = joins and spelled(node.value.func) == "torch.cat"
            if joins and updated.get(target, node.lineno) < node.lineno:
                assert forward is not None
                found[node] = _asked_for(node, forward)
    return found


def _asked_for(node: ast.Assign, forward: ast.FunctionDef) -> str:
    taken = {item.arg for item in (*forward.args.args, *forward.args.kwonlyargs)}
    above = parents(forward)
    inside: ast.AST = node
    while inside in above:
        holder = above[inside]
        if isinstance(holder, ast.If) and inside in holder.body:
            asked = match(GIVEN, holder.test)
            if asked is not None and asked.name("given") in taken:
                return asked.name("given")
        inside = holder
    return ""
