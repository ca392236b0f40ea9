"""Recognise modules that are themselves a list of experts, which their forward loops over."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.module_lists import is_module_list
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled


def find_experts_in_lists(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that are a list of modules and call them for numbers that are read out of tensors."""
    because = "it is a list of modules, and calls those that tokens chose"
    return tuple(
        Part(Role.EXPERTS_IN_LIST, file.classes[name], (because,))
        for name in reachable
        if is_module_list(file.classes[name]) and _calls_its_own(file.classes[name])
    )


def _calls_its_own(cls: ModelingClass) -> bool:
    """Whether a loop of forward over `<...>.tolist()` calls `self[<number>](...)`."""
    return any(
        isinstance(call.func, ast.Subscript) and spelled(call.func.value) == "self"
        for loop in find(ast.For, cls.forward)
        if any(item.attr == "tolist" for item in find(ast.Attribute, loop.iter))
        for call in find(ast.Call, loop)
    )
