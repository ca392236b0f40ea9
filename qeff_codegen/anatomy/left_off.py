"""What a model is built without: switches that nothing turns on, and parameters for which nothing is ever given.

A class may serve several models of a file. What another model would turn on when it builds the class, this one leaves
at its default; what hangs on it never comes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters, self_attribute
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.tree import find, spelled


def switches_left_off(cls: ModelingClass, builders: Iterable[ModelingClass]) -> frozenset[str]:
    """Every attribute of a class that only ever holds False: the default of a parameter that no builder gives.

    Args:
        builders: every class that the model is made of.
    """
    initializer = cls.methods.get("__init__")
    if initializer is None:
        return frozenset()
    listed = initializer.args.args
    defaults = dict(zip(reversed(listed), reversed(initializer.args.defaults), strict=False))
    off = {item.arg for item, value in defaults.items() if isinstance(value, ast.Constant) and value.value is False}
    for builder in builders:
        for call in find(ast.Call, builder.methods.get("__init__")):
            if spelled(call.func) == cls.name:
                given = bound_arguments(call, parameters(initializer))
                off -= off if given is None else given.keys()
    rebound = {node.id for node in find(ast.Name, initializer) if isinstance(node.ctx, ast.Store)}
    return frozenset(
        attribute
        for attribute, values in cls.assigned.items()
        if values and all(isinstance(value, ast.Name) and value.id in off - rebound for value in values)
    )


def never_given(anatomy: Anatomy, part: Part) -> frozenset[str]:
    """Every parameter of a part's forward for which each caller on the way gives None, or nothing.

    None is what a caller writes, what it was never given itself, and `<value> if self.<switch> else None` for a
    switch that is left off.
    """
    callers = [above for above in anatomy.path if calls_of(anatomy, above, part, above.forward)]
    names = _default_none(part.forward)
    for above in callers:
        builders = [anatomy.file.classes[name] for name in anatomy.reachable]
        off = switches_left_off(above.cls, builders)
        absent = never_given(anatomy, above) if above.role is not part.role else frozenset()
        for call in calls_of(anatomy, above, part, above.forward):
            names -= {name for name, value in given_to(part, call).items() if not _is_none(value, off, absent)}
    return frozenset(names) if callers else frozenset()


def calls_of(anatomy: Anatomy, above: Part, part: Part, tree: ast.AST) -> list[ast.Call]:
    """The calls of a part below `tree`, in another's forward: on the path, and of further modules of its class."""
    on_path = [call for call, parts in anatomy.calls(above.role, tree) if part in parts]
    attributes = {name for name, classes in above.cls.built.items() if part.name in classes}
    others = [call for call in find(ast.Call, tree) if self_attribute(call.func) in attributes]
    return list(dict.fromkeys([*on_path, *others]))


def given_to(part: Part, call: ast.Call) -> dict[str, ast.expr]:
    """What a call gives to each parameter of a part's forward, as far as it does not spread arguments."""
    named = {item.arg: item.value for item in call.keywords if item.arg is not None}
    return dict(zip(parameters(part.forward), call.args, strict=False)) | named


def _default_none(forward: ast.FunctionDef) -> set[str]:
    listed = forward.args.args
    defaults = zip(reversed(listed), reversed(forward.args.defaults), strict=False)
    return {item.arg for item, value in defaults if isinstance(value, ast.Constant) and value.value is None}


def _is_none(value: ast.expr, off: frozenset[str], absent: frozenset[str]) -> bool:
    if isinstance(value, ast.IfExp) and self_attribute(value.test) in off:
        return _is_none(value.orelse, off, absent)
    if isinstance(value, ast.Name):
        return value.id in absent
    return isinstance(value, ast.Constant) and value.value is None
