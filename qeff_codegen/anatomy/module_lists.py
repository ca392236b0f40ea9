"""What a class holds that is itself a list of modules."""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.codemod.tree import find, parents, spelled

LISTS = ("nn.ModuleList", "torch.nn.ModuleList")
# By what else such a class could be given modules.
_FILLING = {"extend", "insert", "pop", "add_module", "register_module", "_modules", "__setitem__", "__iadd__"}


def is_module_list(cls: ModelingClass) -> bool:
    """Whether a class is an nn.ModuleList, and nothing else."""
    return len(cls.bases) == 1 and cls.bases[0] in LISTS


def modules_in(cls: ModelingClass, class_names: Collection[str]) -> tuple[str, ...] | None:
    """The classes of the file that `__init__` appends to the list; None where it may hold others too."""
    if any(_may_be_filled(method) for method in cls.methods.values()):
        return None
    made: list[str] = []
    for call in find(ast.Call, cls.methods.get("__init__")):
        if spelled(call.func) == "super().__init__" and (call.args or call.keywords):
            return None
    for method in cls.methods.values():
        for call in find(ast.Call, method):
            if self_attribute(call.func) != "append":
                continue
            item = call.args[0] if len(call.args) == 1 and method.name == "__init__" else None
            if not isinstance(item, ast.Call) or spelled(item.func) not in class_names:
                return None
            made.append(spelled(item.func))
    return tuple(dict.fromkeys(made)) or None


def _may_be_filled(method: ast.FunctionDef) -> bool:
    """Whether a method does more with the list than append to it, ask for its length and take modules out of it."""
    around = parents(method)
    for name in find(ast.Name, method):
        holder = around.get(name) if name.id == "self" else None
        if isinstance(holder, ast.Subscript) and isinstance(holder.ctx, ast.Load) and holder.value is name:
            continue
        if isinstance(holder, ast.Call) and spelled(holder.func) == "len":
            continue
        if holder is not None and (not isinstance(holder, ast.Attribute) or holder.attr in _FILLING):
            return True
    return False
