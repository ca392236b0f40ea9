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
    """The attribute that holds a list of modules which a loop of the class takes experts from.

    What they make is added up in the loop, or kept in the order in which tokens were sorted by expert.
    """
    for method in cls.methods.values():
        sorts = "argsort" in _called(method)
        for loop in find(ast.For, method):
            called = _called(loop)
            if "index_add_" not in called and not (sorts and "append" in called):
                continue
            counted = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) else loop.target
            for node in find(ast.Subscript, loop):
                first = node.slice.left if isinstance(node.slice, ast.BinOp) else node.slice
                if spelled(first) == spelled(counted):
                    attribute = self_attribute(node.value)
                    if attribute is not None and _is_list(cls, attribute):
                        return attribute
    return None


def _called(tree: ast.AST) -> set[str]:
    """The names of the methods that are called below `tree`."""
    return {call.func.attr for call in find(ast.Call, tree) if isinstance(call.func, ast.Attribute)}


def _is_list(cls: ModelingClass, attribute: str) -> bool:
    values = cls.assigned.get(attribute, ())
    return bool(values) and all(
        isinstance(value, ast.Call) and spelled(value.func) in ("nn.ModuleList", "torch.nn.ModuleList")
        for value in values
    )
