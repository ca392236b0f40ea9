"""No module of the model decides by the values of tensors what it runs.

A traced graph keeps the path that the example inputs took. Loops over the experts that were hit, sizes read from
values and state kept on `self` between calls would be frozen into it without any error.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

VALUE_READS = {"item", "tolist", "nonzero", "unique", "bincount", "histc"}


class StaticControlFlow(Check):
    promise = "No module decides by the values of tensors what it runs, and none keeps state between calls."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found = [
            Broken(problem)
            for name, function in _generated(module)
            for node in ast.walk(function)
            if (problem := _problem(name, node))
        ]
        found += [
            Broken(problem, getattr(node, "lineno", None))
            for name, function in _staying(module)
            for node in ast.walk(function)
            if (problem := _problem(name, node))
        ]
        return found


def _generated(module: FinishedModule) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Generated functions and methods; `__qeff_init__` runs once, before the graph is made."""
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name != "__qeff_init__":
                    yield f"{node.name}.{item.name}", item


def _staying(module: FinishedModule) -> Iterator[tuple[str, ast.FunctionDef]]:
    """What stays upstream's and still runs: methods of classes that are not mapped, and imported helper functions."""
    mapped = {entry.upstream_class for entry in module.mappings}
    file = module.anatomy.file
    for name in module.anatomy.reachable:
        for method in file.classes[name].methods.values() if name not in mapped else ():
            if method.name != "__init__":
                yield f"{name}.{method.name}", method
    for name, source in module.imports.items():
        if source == file.upstream.module and name in file.functions:
            yield name, file.functions[name]


def _problem(name: str, node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        chosen_by_value = ast.unparse(node.func) == "torch.where" and len(node.args) == 1
        if node.func.attr in VALUE_READS or chosen_by_value:
            return f"`{name}` decides by values: `{ast.unparse(node)}`"
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
        return f"`{name}` keeps state between calls: `{ast.unparse(node)}`"
    return ""
