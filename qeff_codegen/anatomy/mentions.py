"""Which classes a class may build, however it goes about it: through lists, tables and local names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile


def mentioned(file: ModelingFile, start: ModelingClass) -> tuple[ModelingClass, ...]:
    """Every class that `start` names in `__init__`, or in a table that it names there, directly or not; itself first.

    More than recognition follows: a class that is named need not be built. It serves to say what is missing.
    """
    pending, seen = [start.name], dict[str, ModelingClass]()
    while pending:
        name = pending.pop(0)
        if name in seen:
            continue
        seen[name] = file.classes[name]
        for node in _built_by(file.classes[name]):
            if isinstance(node, ast.Name):
                pending += [node.id] if node.id in file.classes else file.tables.get(node.id, ())
    return tuple(seen.values())


def _built_by(cls: ModelingClass) -> Iterator[ast.AST]:
    """Every node of `__init__`, and of the methods of its own that it calls."""
    initializer = cls.methods.get("__init__")
    for node in ast.walk(initializer) if initializer is not None else ():
        yield node
        method = cls.methods.get(node.attr) if isinstance(node, ast.Attribute) else None
        if method is not None and method is not initializer:
            yield from ast.walk(method)
