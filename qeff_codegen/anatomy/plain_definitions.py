"""A class that is replaced, and a function that is copied, is what its definition says.

A decorator of a class, a name that is bound again, or `<class>.forward = ...` at the end of a file puts something else
in its place, which nobody would see who reads the definition.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.codemod.tree import find, spelled

EXPECTED = "definitions that nothing else in the file changes"
# Upstream's decorators of classes: documentation, and kernels chosen at run time, of which an export has none.
DECORATORS = {
    "auto_docstring",
    "add_start_docstrings",
    "use_experts_implementation",
    "use_kernel_forward_from_hub",
    "use_kernelized_func",
}


def refuse_changed_definitions(file: ModelingFile, replaced: tuple[str, ...]) -> None:
    """Refuse a file that changes, outside of their definitions, its functions or the classes that are replaced.

    Raises:
        Refusal: a class wears an unknown decorator, or a statement of the module binds or changes one of them.
    """
    for name in replaced:
        for item in file.classes[name].node.decorator_list:
            worn = spelled(item.func if isinstance(item, ast.Call) else item).rpartition(".")[2]
            if worn not in DECORATORS or worn in file.names:
                what = f"`{name}` wears a decorator that may put another class in its place: `{spelled(item)}`"
                raise refusal(file, what, item.lineno, EXPECTED)
    watched = {*replaced, *file.functions}
    for name, node in _changed(file):
        if name in watched:
            what = f"`{name}` is not what its definition says: `{spelled(node).splitlines()[0]}`"
            raise refusal(file, what, node.lineno, EXPECTED)


def _changed(file: ModelingFile) -> Iterator[tuple[str, ast.stmt]]:
    """Names that the module's statements bind again or whose attributes they set, with the statement."""
    defined: set[str] = set()
    for node in file.statements:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            if node.name in defined:
                yield node.name, node
            defined.add(node.name)
            continue
        for bound in (item for item in find(ast.Name, node) if isinstance(item.ctx, (ast.Store, ast.Del))):
            yield bound.id, node
        for changed in (item for item in find(ast.Attribute, node) if isinstance(item.ctx, (ast.Store, ast.Del))):
            yield spelled(changed.value), node
        for call in find(ast.Call, node):
            if spelled(call.func) == "setattr" and call.args:
                yield spelled(call.args[0]), node
