"""Classes chosen layer by layer: from a table of kinds, `{"attention": A, "mamba": B}`, into a list that is filled."""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import find, spelled


def find_kind_tables(tree: ast.Module, class_names: set[str]) -> dict[str, tuple[str, ...]]:
    """Module-level names bound to a dictionary whose values are classes of the file, with these classes.

    A table of implementations of one module, which has `eager` among its keys, is none.
    """
    found: dict[str, tuple[str, ...]] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Dict):
            continue
        values = [value.id for value in statement.value.values if isinstance(value, ast.Name)]
        keys = [key.value for key in statement.value.keys if isinstance(key, ast.Constant)]
        if len(values) == len(keys) == len(statement.value.values) and values and "eager" not in keys:
            if class_names.issuperset(values):
                found.update(dict.fromkeys(map(spelled, statement.targets), tuple(dict.fromkeys(values))))
    return found


def chosen_by_kind(
    initializer: ast.FunctionDef, class_names: set[str], kinds: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Locals of an `__init__` that stand for classes of a table, and lists that it fills with what it builds."""
    chosen: dict[str, tuple[str, ...]] = {}
    for node in find(ast.Assign, initializer):
        if isinstance(node.value, ast.Subscript) and isinstance(node.targets[0], ast.Name):
            classes = kinds.get(spelled(node.value.value), ())
            if classes:
                chosen[node.targets[0].id] = classes
    filled: dict[str, tuple[str, ...]] = {}
    for call in find(ast.Call, initializer):
        into = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr == "append" else None
        built = call.args[0].func if call.args and isinstance(call.args[0], ast.Call) else None
        if isinstance(into, ast.Name) and isinstance(built, ast.Name):
            classes = (built.id,) if built.id in class_names else chosen.get(built.id, ())
            if classes:
                filled[into.id] = tuple(dict.fromkeys((*filled.get(into.id, ()), *classes)))
    return chosen | filled
