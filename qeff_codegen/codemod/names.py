"""Local names: renamed, and what they are bound to."""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.codemod.bindings import bindings, bound_names
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import spelled, walk


class NameTaken(Exception):
    """Raised where a name is to be given to a local that stands for something else already.

    The engine turns it into a refusal, like what a rule does not understand.
    """

    def __init__(self, name: str, node: ast.AST) -> None:
        super().__init__(name)
        self.what = f"`{name}` is a name for something else here"
        self.node = node


def rename(edits: Edits, old: str, new: str) -> int:
    """Give a local name or parameter another spelling; attributes and keywords stay. How many places there were.

    Raises:
        NameTaken: the function has a name of that spelling already.
    """
    taken = next((node for node in _places(edits.code, new)), None)
    if taken is not None and old != new and _places(edits.code, old):
        raise NameTaken(new, taken)
    return read_instead(edits, old, new)


def read_instead(edits: Edits, old: str, new: str) -> int:
    """Let one local stand wherever another is named, which is bound no longer. How many places there were."""
    places = _places(edits.code, old)
    for node in places:
        start = edits.code.places.span(node)[0]
        edits.put(start, start + len(old), new)
    return len(places)


def _places(code: Code, name: str) -> list[ast.expr | ast.arg]:
    named = [node for node in code.nodes(ast.Name) if node.id == name]
    return [*named, *(node for node in code.nodes(ast.arg) if node.arg == name)]


def assigned(statement: ast.AST) -> tuple[str, ast.expr] | None:
    """`(name, value)` when a statement is `name = value`, annotated or not."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return (target.id, statement.value) if isinstance(target, ast.Name) else None
    return None


def values_of(name: str, code: Code) -> list[ast.AST]:
    """Everything that a local is bound to; where that is not written out, what binds it."""
    found = (binding for binding in bindings(code.tree) if binding.name == name)
    return [binding.node if binding.value is None else binding.value for binding in found]


def drop_assignments(edits: Edits, names: Collection[str]) -> int:
    """Drop every statement that only assigns to one of `names`; how many there were."""
    gone = [node for node in edits.code.nodes(ast.Assign) if (assigned(node) or ("",))[0] in names]
    for node in gone:
        edits.remove(node)
    return len(gone)


def drop_overwritten(edits: Edits, name: str) -> None:
    """Drop every `<name> = ...` of the function's own statements that another one follows before anything reads it."""
    pending: ast.stmt | None = None
    for statement in edits.code.body:
        loaded = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name)
        if any(isinstance(node.ctx, ast.Load) for node in loaded):
            pending = None
        if (assigned(statement) or ("",))[0] == name:
            if pending is not None:
                edits.remove(pending)
            pending = statement


def names_in(tree: ast.AST, context: type[ast.expr_context] = ast.expr_context) -> set[str]:
    """Every name that a tree reads or binds; with `ast.Load` those it reads, with `ast.Store` those it binds."""
    return {node.id for node in walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def names_outside(code: Code, *trees: ast.AST) -> set[str]:
    """Every name that a function reads or binds, but for what it does below some nodes."""
    inside = {id(item) for tree in trees for item in walk(tree)}
    return {node.id for node in code.nodes(ast.Name) if id(node) not in inside}


def bind_value(edits: Edits, statement: ast.Assign | ast.Return, target: str) -> None:
    """Bind the value of an assignment, or of a return, to something else; an annotation goes with the old target."""
    assert statement.value is not None
    start, end = edits.code.places.span(statement)[0], edits.code.span(statement.value)[0]
    edits.put(start, end, f"{target} = ")


def binds(tree: ast.AST, names: Collection[str]) -> bool:
    """Whether anything below `tree` binds one of `names`."""
    return any(name in names for name in bound_names(tree))


def results_of(callees: Collection[str], code: Code) -> set[str]:
    """Names that hold what one of some functions, as they are spelled where they are called, returns."""
    bound = [named for node in code.nodes(ast.Assign) if (named := assigned(node)) is not None]
    return {name for name, value in bound if isinstance(value, ast.Call) and spelled(value.func) in callees}
