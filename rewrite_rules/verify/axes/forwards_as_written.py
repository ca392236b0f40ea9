"""What runs for a module is the forward that its class has: nothing hooks into it, and nothing takes its place.

Whoever follows what is computed reads forwards. A hook changes what goes in or comes out of one without a word there,
and so does another function in the place of one, or a class that is called, or asked for attributes, in its own way.
"""

from __future__ import annotations

import ast
import re

from qeff_codegen.codemod.tree import find, spelled, walk
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

# Hooks on loading weights run before anything is computed.
_HOOK = re.compile(
    r"register_(module_)?(forward|full_backward|backward)(_pre)?_hook|register_hook|_(forward|backward)\w*_hooks"
)
_REPLACED = frozenset({"forward", "__class__", "__call__"})
# Where modules have what they consist of.
_INSIDE = frozenset({"_modules", "_parameters", "_buffers"})
# Methods by which a class decides itself what a call or an attribute of it is.
_OF_CALLS = frozenset({"__call__", "_call_impl", "__getattr__", "__getattribute__", "__torch_function__"})


class ForwardsAsWritten(Check):
    promise = "What runs for a module is its class's forward: nothing hooks into it or takes its place."

    def broken(self, module: FinishedModule) -> list[Broken]:
        file = module.anatomy.file
        found = [
            Broken(problem, node.lineno)
            for node in walk(file.tree)
            if isinstance(node, ast.expr) and (problem := _problem(node))
        ]
        found += [
            Broken(f"`{spelled(node)}` is changed for everybody", node.lineno)
            for node in find(ast.Attribute, file.tree)
            if isinstance(node.ctx, ast.Store) and _root(node) in file.imports.keys() | file.classes.keys()
        ]
        found += [
            Broken(f"`{name}` may be another class after `@{spelled(decorator)}`", decorator.lineno)
            for name in module.anatomy.reachable
            for decorator in file.classes[name].node.decorator_list
            if _root(decorator) not in file.imports
        ]
        found += [
            Broken(f"`{name}.{method}` is bound more than once", node.lineno)
            for name in module.anatomy.reachable
            for node in file.classes[name].node.body
            for method in sorted(_bound_by(node) & file.classes[name].methods.keys())
        ]
        return found + [
            Broken(f"`{name}` decides itself what `{method}` does", file.classes[name].methods[method].lineno)
            for name in module.anatomy.reachable
            for method in sorted(_OF_CALLS & file.classes[name].methods.keys())
        ]


def _root(node: ast.expr) -> str:
    """The name that a dotted name, or what is called by one, begins with."""
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return spelled(node)


def _bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement of a class binds, but for a method that is written plainly."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return set()
    names = {node.id for node in find(ast.Name, statement) if isinstance(node.ctx, ast.Store)}
    return names | {node.name for node in find(ast.FunctionDef, statement)}


def _problem(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        if node.attr in _INSIDE:
            return f"a module is changed from inside: `{spelled(node)}`"
        if _HOOK.fullmatch(node.attr):
            return f"a module is hooked into: `{spelled(node)}`"
        if isinstance(node.ctx, ast.Store) and node.attr in _REPLACED:
            return f"something takes the place of `{spelled(node)}`"
    if isinstance(node, ast.Call) and spelled(node.func).rsplit(".", 1)[-1] in {"setattr", "getattr", "__setattr__"}:
        name = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else None
        if isinstance(name, str) and (_HOOK.fullmatch(name) or name in _REPLACED):
            return f"a module is hooked into, or something takes its place: `{spelled(node)}`"
    return ""
