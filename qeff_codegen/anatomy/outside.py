"""What a file changes of an object beside the class's own `__init__`, so that the class's text is not all there is.

A layer that sets an attribute of its attention, an `__init__` that goes on in another method, and `setattr` all leave
a module with something else than its own `__init__` says.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.codemod.tree import find, spelled, walk

# What sets an attribute whose name is its argument.
SETTERS = {"setattr": 1, "add_module": 0, "register_module": 0, "register_parameter": 0}
# These run when weights are drawn, or when somebody changes a model afterwards: before and after what is looked at.
OTHER_TIMES = ("_init_weights", "set_", "resize_", "_resize")


def set_from_outside(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """Every attribute that is set on another object than `self`, or by its name, with what it is set to.

    What is registered as nothing, `self.register_parameter("x", None)`, is none of them. Where the value is not
    written out, as in `a.x, b.x = pair`, the attribute stands for it.
    """
    found: dict[str, list[ast.expr]] = {}
    for function in find(ast.FunctionDef, tree):
        if not function.name.startswith(OTHER_TIMES):
            for name, value in _set_in(function):
                found.setdefault(name, []).append(value)
    return found


def set_after_init(methods: dict[str, ast.FunctionDef]) -> dict[str, list[ast.expr]]:
    """Every attribute of `self` that methods set which `__init__` calls, with what they set it to."""
    pending, seen, found = ["__init__"], set[str](), dict[str, list[ast.expr]]()
    while pending:
        method = methods.get(pending.pop())
        if method is None or method.name in seen:
            continue
        seen.add(method.name)
        pending += [node.attr for node in find(ast.Attribute, method) if spelled(node.value) == "self"]
        if method.name != "__init__":
            for node in find(ast.Attribute, method):
                if isinstance(node.ctx, (ast.Store, ast.Del)) and spelled(node.value) == "self":
                    found.setdefault(node.attr, []).append(node)
    return found


def built_after_init(methods: dict[str, ast.FunctionDef]) -> Iterator[tuple[str, ast.expr]]:
    """Attributes that methods set which `__init__` calls without arguments, such as `self._init_rope()`.

    The method may give back what it sets, and `__init__` set it again; it may be called under a condition.
    """
    initializer = methods.get("__init__")
    for statement in walk(initializer) if initializer is not None else ():
        call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        if not isinstance(call, ast.Call) or call.args or call.keywords or not isinstance(call.func, ast.Attribute):
            continue
        method = methods.get(call.func.attr) if spelled(call.func.value) == "self" else None
        for node in find(ast.Assign, method):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and spelled(target.value) == "self":
                    yield target.attr, node.value


def _set_in(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    values = {target: node.value for node in find(ast.Assign, function) for target in node.targets}
    for node in find(ast.Attribute, function):
        if isinstance(node.ctx, (ast.Store, ast.Del)) and spelled(node.value) != "self":
            yield node.attr, values.get(node, node)
    for call in find(ast.Call, function):
        place = SETTERS.get(spelled(call.func).rpartition(".")[2])
        named = call.args[place] if place is not None and len(call.args) > place else None
        is_text = isinstance(named, ast.Constant) and isinstance(named.value, str)
        if is_text and spelled(call.args[-1]) != "None":
            assert isinstance(named, ast.Constant) and isinstance(named.value, str)
            yield named.value, call.args[-1]
