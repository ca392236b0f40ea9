"""The generated code does with the cache what it may: update it, ask for the context's length, wrap and unwrap it.

A preallocated cache is always as long as the context. Code that asks its length to learn how many tokens came before,
or that reaches into its layers, would get an answer, and a wrong one. What the generated code itself lays down on the
cache it may pick up again.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.vocabulary import CACHE
from qeff_codegen.codemod.tree import find, parents, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

LENGTH = "get_seq_length"
ALLOWED = {
    "update",
    "to_legacy_cache",
    "update_conv_state",
    "update_indexer",
    "get_recurrent_state",
    "update_recurrent_state",
}
CONTEXT = "target_length"
ASKING = {
    "getattr",
    "hasattr",
    "len",
    "bool",
    "iter",
    "list",
    "tuple",
    "enumerate",
    "zip",
    "vars",
    "id",
    "str",
    "repr",
}


class CacheLengthNotAsked(Check):
    promise = "The cache is updated and unwrapped, and its length is only ever taken for the length of the context."

    def broken(self, module: FinishedModule) -> list[Broken]:
        context = {
            id(node)
            for statement in find(ast.Assign, module.tree)
            if spelled(statement.targets[0]) == CONTEXT
            for node in find(ast.Attribute, statement.value)
        }
        laid_down = {node.attr for node in find(ast.Attribute, module.tree) if isinstance(node.ctx, ast.Store)}
        known = ALLOWED | laid_down
        found: dict[ast.AST, Broken] = {}
        for function in find(ast.FunctionDef, module.tree):
            names, above = _names(function), parents(function)
            for node in [item for item in find(ast.Attribute, function) if _is_one_of(item.value, names)]:
                if node.attr not in known and not (node.attr == LENGTH and id(node) in context):
                    found[node] = Broken(_what(node), generated=node.lineno)
            for use in [item for item in find(ast.Name, function) if _is_one_of(item, names)]:
                if (
                    use in above
                    and isinstance(use.ctx, ast.Load)
                    and not (_is_handed_on(use, above[use]) or _asks_for_one_of(laid_down, above[use]))
                ):
                    what = f"`{spelled(above[use])}` does more with the cache than hand it on"
                    found[use] = Broken(what, generated=use.lineno)
        return list(found.values())


def _names(function: ast.FunctionDef) -> set[str]:
    """The cache's name, and locals that are other names of it."""
    names = {CACHE}
    for node in find(ast.Assign, function):
        if _is_one_of(node.value, names):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _is_one_of(node: ast.expr, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _is_handed_on(use: ast.Name, holder: ast.AST) -> bool:
    """Whether what holds the cache gives it to the next part or another name, returns it, or asks if it is there."""
    if isinstance(holder, ast.Assign):
        return holder.value is use and all(isinstance(target, ast.Name) for target in holder.targets)
    if isinstance(holder, ast.Compare):
        return all(isinstance(item, (ast.Is, ast.IsNot)) for item in holder.ops)
    if isinstance(holder, ast.Call):
        return spelled(holder.func) not in ASKING
    return isinstance(holder, (ast.Attribute, ast.keyword, ast.Tuple, ast.Return))


def _asks_for_one_of(laid_down: set[str], holder: ast.AST) -> bool:
    """Whether what holds the cache asks if something that the generated code lays down on it is there."""
    if not isinstance(holder, ast.Call) or spelled(holder.func) != "hasattr" or len(holder.args) != 2:
        return False
    asked = holder.args[1]
    return isinstance(asked, ast.Constant) and asked.value in laid_down


def _what(node: ast.Attribute) -> str:
    if node.attr == LENGTH:
        return f"`{spelled(node)}` asks how many tokens came before; a preallocated cache has the context's length"
    return f"`{spelled(node)}` asks a preallocated cache for more than it can tell"
