"""What a name stands for in the end: a definition that is rewritten must be the one that upstream runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.module_names import Binding, bindings
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.codemod.tree import spelled, walk

EXPECTED = "one definition of the name that always runs, and nothing that changes it afterwards"
NEXT = "name one of them otherwise, or leave the choice to the configuration"
# Upstream's decorators of classes: documentation, and kernels chosen at run time, of which an export has none.
_DECORATORS = {
    "auto_docstring",
    "add_start_docstrings",
    "use_experts_implementation",
    "use_kernel_forward_from_hub",
    "use_kernelized_func",
}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def refuse_other_bindings(anatomy: Anatomy, functions: Iterable[tuple[ast.FunctionDef, str | None]]) -> None:
    """Refuse a file that binds again what is read as one function, method or class.

    Args:
        functions: those that rules may change, each with the class that it is a method of.

    Raises:
        Refusal: something else may stand behind a name, a class that is replaced wears an unknown decorator, or the
            module changes a class after it is made.
    """
    file = anatomy.file
    for star in file.bindings.get("*", ()):
        line = star.node.lineno
        raise refusal(file, "a star import may bind any name", line, EXPECTED, "import what is used by name")
    names = {*anatomy.reachable, *(part.name for part in anatomy.replaced), *(norm.cls.name for norm in anatomy.norms)}
    known = {name: file.classes[name] for name in names}
    methods = {name: bindings(cls.node.body) for name, cls in known.items()}
    for definition, owner in functions:
        bound = file.bindings if owner is None else methods[owner]
        _hold(anatomy, definition, bound[definition.name], f"{owner}.{definition.name}" if owner else definition.name)
    for name, cls in known.items():
        _hold(anatomy, cls.node, file.bindings[name], name)
    for cls in (*(part.cls for part in anatomy.replaced), *(norm.cls for norm in anatomy.norms)):
        _hold_decorators(anatomy, cls.node)
    for node, name in _changes(file.tree.body):
        if name in known:
            raise refusal(file, f"the module changes `{name}` after it is made", node.lineno, EXPECTED, NEXT)


def _hold(anatomy: Anatomy, definition: ast.stmt, bound: Sequence[Binding], name: str) -> None:
    last = bound[-1]
    if last.node is definition and (last.always or len(bound) == 1):
        return
    other = last if last.node is not definition else bound[-2]
    raise refusal(anatomy.file, f"`{name}` may stand for something else too", other.node.lineno, EXPECTED, NEXT)


def _hold_decorators(anatomy: Anatomy, definition: ast.ClassDef) -> None:
    for item in definition.decorator_list:
        worn = spelled(item.func if isinstance(item, ast.Call) else item).rpartition(".")[2]
        if worn not in _DECORATORS or worn in anatomy.file.names:
            what = f"`{definition.name}` wears a decorator that may put another class in its place: `{spelled(item)}`"
            raise refusal(anatomy.file, what, item.lineno, EXPECTED, NEXT)


def _changes(body: Iterable[ast.stmt]) -> Iterator[tuple[ast.expr, str]]:
    """Where statements of a module set something of what a name stands for, and the name."""
    for statement in body:
        if isinstance(statement, _DEFINITIONS):
            continue
        for node in walk(statement):
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                yield node, _first_name(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
                yield node, _first_name(node.args[0]) if node.args else ""


def _first_name(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
