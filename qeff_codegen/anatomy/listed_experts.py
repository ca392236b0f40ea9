"""Recognise mixtures that keep each expert as a module of its own, in a list, and loop over them."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled


def find_listed_experts(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes in one of whose methods a loop takes experts out of an nn.ModuleList, by number."""
    return tuple(
        Part(Role.LISTED_EXPERTS, cls, (f"it loops over the experts of `self.{attribute}`, a list of modules",))
        for name in reachable
        if (attribute := listed_experts(cls := file.classes[name]))
    )


def listed_experts(cls: ModelingClass) -> str | None:
    """The attribute that holds a list of modules which a loop of the class takes experts from and adds up."""
    for method in cls.methods.values():
        for loop in find(ast.For, method):
            called = [call.func for call in find(ast.Call, loop)]
            if not any(isinstance(item, ast.Attribute) and item.attr == "index_add_" for item in called):
                continue
            for node in find(ast.Subscript, loop):
                if spelled(node.slice) == spelled(loop.target):
                    attribute = self_attribute(node.value)
                    if attribute is not None and _is_list(cls, attribute):
                        return attribute
    return None


def _is_list(cls: ModelingClass, attribute: str) -> bool:
    values = cls.assigned.get(attribute, ())
    return bool(values) and all(
        isinstance(value, ast.Call) and spelled(value.func) in ("nn.ModuleList", "torch.nn.ModuleList")
        for value in values
    )
