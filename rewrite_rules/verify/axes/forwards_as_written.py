"""What runs for a module is the forward that its class has: nothing hooks into it, and nothing takes its place.

Whoever follows what is computed reads forwards. A hook changes what goes in or comes out of one without a word there,
and so does another function in the place of one, or a class that is called, or asked for attributes, in its own way.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.hooked_into import OF_CALLS, hooked_into
from qeff_codegen.codemod.tree import find, spelled, walk
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check


class ForwardsAsWritten(Check):
    promise = "What runs for a module is its class's forward: nothing hooks into it or takes its place."

    def broken(self, module: FinishedModule) -> list[Broken]:
        file = module.anatomy.file
        found = [
            Broken(problem, node.lineno)
            for node in walk(file.tree)
            if isinstance(node, ast.expr) and (problem := hooked_into(node))
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
            for method in sorted(OF_CALLS & file.classes[name].methods.keys())
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
