"""Modules of which a setting chooses the class: which of them a call is of, by the branch that it stands in."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.tree import find, spelled


def class_called(call: ast.Call, attribute: str, code: Code, owner: ModelingClass, file: ModelingFile) -> str | None:
    """The class of the file whose module `call` of `self.<attribute>` is of, or None where that is not known.

    `if config.<setting>: self.<attribute> = A(...)` with `else: self.<attribute> = B(...)` makes a module of two
    classes; `if self.config.<setting>:` around the call tells them apart.
    """
    names = owner.built.get(attribute, ())
    if len(names) == 1:
        return names[0]
    for choice in find(ast.If, owner.methods.get("__init__")):
        made = [_made(attribute, branch, file) for branch in (choice.body, choice.orelse)]
        if None in made or len(names) != len(made) or set(names) != set(made):
            continue
        for around in code.parents(call):
            if isinstance(around, ast.If) and spelled(around.test) == f"self.{spelled(choice.test)}":
                inside = {id(node) for item in around.body for node in ast.walk(item)}
                return made[0] if id(call) in inside else made[1]
    return None


def _made(attribute: str, branch: list[ast.stmt], file: ModelingFile) -> str | None:
    """The class of the one module that a branch puts under an attribute."""
    values = [
        item.value
        for item in branch
        if isinstance(item, ast.Assign) and [spelled(target) for target in item.targets] == [f"self.{attribute}"]
    ]
    value = values[0] if len(values) == 1 else None
    name = spelled(value.func) if isinstance(value, ast.Call) else None
    return name if name in file.classes else None
