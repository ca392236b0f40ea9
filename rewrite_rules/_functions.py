"""Which functions of a finished module run in the graph: the generated ones, and upstream's that stay."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.engine.finished_module import FinishedModule


def generated_functions(module: FinishedModule) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Generated functions and methods; `__qeff_init__` runs once, before the graph is made."""
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name != "__qeff_init__":
                    yield f"{node.name}.{item.name}", item


def staying_functions(module: FinishedModule) -> Iterator[tuple[str, ast.FunctionDef]]:
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


def parents_in(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """The parent of every node below `tree`."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
