"""Which classes a class may build, however it goes about it: through lists, tables and local names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.tree import find, walk


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
            pending += [node.id] if node.id in file.classes else file.tables.get(node.id, ())
    return tuple(seen.values())


def _built_by(cls: ModelingClass) -> Iterator[ast.Name]:
    """Every name in `__init__`, and in the methods of its own that it calls."""
    initializer = cls.methods.get("__init__")
    for node in walk(initializer) if initializer is not None else ():
        if isinstance(node, ast.Name):
            yield node
        method = cls.methods.get(node.attr) if isinstance(node, ast.Attribute) else None
        if method is not None and method is not initializer:
            yield from find(ast.Name, method)
