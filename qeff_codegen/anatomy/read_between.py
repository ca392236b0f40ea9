"""What one method of a dispatcher packs for another, and who else reads it on its way."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.codemod.tree import walk


def other_reader(anatomy: Anatomy, dispatcher: Part) -> str | None:
    """A method that does more with what one of a dispatcher's entries packs than hand it to another."""
    if len(dispatcher.entries) < 2:
        return None
    for name in anatomy.reachable:
        cls = anatomy.file.classes[name]
        attributes = {attribute for attribute, built in cls.built.items() if dispatcher.name in built}
        for method in cls.methods.values():
            nodes = walk(method)
            calls = [item for item in nodes if isinstance(item, ast.Call) and _is_entry(item, attributes, dispatcher)]
            given = [value for call in calls for value in (*call.args[1:], *(item.value for item in call.keywords))]
            handed = {value.id for value in given if isinstance(value, ast.Name)}
            others = [item for item in nodes if isinstance(item, ast.Name) and item.id in handed and item not in given]
            bound = [item.id for item in others if isinstance(item.ctx, ast.Store)]
            all_named = all(isinstance(value, ast.Name) for value in given)
            if not all_named or len(bound) != len(others) or sorted(bound) != sorted(handed):
                return f"{name}.{method.name}"
    return None


def _is_entry(call: ast.Call, attributes: set[str], dispatcher: Part) -> bool:
    """Whether an entry of the dispatcher is called, which one of `attributes` holds."""
    called = call.func
    is_method = isinstance(called, ast.Attribute) and called.attr in dispatcher.entries
    return is_method and isinstance(called, ast.Attribute) and self_attribute(called.value) in attributes
