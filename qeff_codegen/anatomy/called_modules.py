"""Which modules a forward calls: `self.<attribute>(...)`, and `self.<attribute>.<attribute>(...)` past one between.

Some causal LMs build a module that only holds the model, for the names of its weights, and call the model inside of
it. The module between is then never called, so it stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.tree import find, spelled


def called_modules(file: ModelingFile, cls: ModelingClass) -> Iterator[tuple[str, ModelingClass]]:
    """Every module of this file that the forward of `cls` may call, with the call's spelling, in that order."""
    spellings = {
        spelled(call.func): call.func for call in find(ast.Call, cls.forward) if isinstance(call.func, ast.Attribute)
    }
    for spelling, function in sorted(spellings.items()):
        for name in _built_as(file, cls, function):
            yield spelling, file.classes[name]


def _built_as(file: ModelingFile, cls: ModelingClass, expression: ast.expr) -> tuple[str, ...]:
    """The classes that `self.<attribute>...` of `cls` may be an instance of."""
    if not isinstance(expression, ast.Attribute):
        return ()
    if isinstance(expression.value, ast.Name):
        return cls.built.get(expression.attr, ()) if expression.value.id == "self" else ()
    holders = _built_as(file, cls, expression.value)
    return tuple(
        dict.fromkeys(name for holder in holders for name in file.classes[holder].built.get(expression.attr, ()))
    )
