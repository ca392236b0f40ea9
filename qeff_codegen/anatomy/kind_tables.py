"""Classes chosen layer by layer: from a table of kinds, `{"attention": A, "mamba": B}`, into a list that is filled.

The list may be filled by a method, and what a layer consists of may be made before it and handed to it.
"""

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
    made = {
        spelled(node.targets[0]): (node.value.func.id,)
        for node in find(ast.Assign, initializer)
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        if node.value.func.id in class_names
    }
    filled: dict[str, tuple[str, ...]] = {}
    for call in find(ast.Call, initializer):
        into = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr == "append" else None
        item = call.args[0] if call.args else None
        built = item.func if isinstance(item, ast.Call) else item
        if isinstance(into, ast.Name) and isinstance(built, ast.Name):
            known = chosen if isinstance(item, ast.Call) else made
            classes = (built.id,) if built.id in class_names else known.get(built.id, ())
            if classes:
                filled[into.id] = tuple(dict.fromkeys((*filled.get(into.id, ()), *classes)))
    return chosen | filled


def handed_in(initializer: ast.FunctionDef, class_names: set[str]) -> dict[str, tuple[str, ...]]:
    """Parameters of an `__init__` that are said to be of a class of the file, with this class."""
    taken = [(item.arg, item.annotation) for item in (*initializer.args.args, *initializer.args.kwonlyargs)]
    return {name: (hint.id,) for name, hint in taken if isinstance(hint, ast.Name) and hint.id in class_names}


def returned_by(
    value: ast.expr, methods: dict[str, ast.FunctionDef], class_names: set[str], kinds: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The classes in the list that `self.<method>()` fills and returns; none for another expression."""
    called = value.func if isinstance(value, ast.Call) and not value.args and not value.keywords else None
    method = (
        methods.get(called.attr) if isinstance(called, ast.Attribute) and spelled(called.value) == "self" else None
    )
    if method is None:
        return ()
    filled = chosen_by_kind(method, class_names, kinds)
    names = [name.id for node in find(ast.Return, method) for name in find(ast.Name, node.value)]
    return tuple(dict.fromkeys(cls for name in names for cls in filled.get(name, ())))
