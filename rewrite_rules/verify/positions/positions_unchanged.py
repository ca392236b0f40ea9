"""`position_ids` are the same on every level, and every row has its own.

A token's position is its slot in the cache, and a pad's is -1. Shifted positions would write into other slots, a
rotary table has no row for a negative one, and upstream's batches, whose rows all have the same positions, may get
away with reading the first row for all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.anatomy.vocabulary import POSITIONS
from qeff_codegen.codemod.tree import find, line_of, parents, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

BY_POSITION = {POSITIONS, "cos", "sin"}
# Methods and attributes that leave each position by itself; `argmax` follows only where the last token is chosen.
ELEMENTWISE = {"shape", "device", "dtype", "to", "float", "long", "int", "unsqueeze", "view", "clamp"}


class PositionsUnchanged(Check):
    promise = "position_ids reach rotation, cache and mask as they came in, and no row reads another's."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found = [
            Broken(f"`{part.name}` changes the positions: `{spelled(use)}`", generated=line_of(use, forward))
            for role in (*CALL_PATH, Role.EMBEDDINGS)
            for part in module.anatomy.parts(role)
            if (forward := module.method(part.name, "forward")) is not None
            for use in _changes(forward)
        ]
        found += [
            Broken(_some_rows(name, node), generated=node.lineno)
            for name, function in module.functions
            for node in _row_choices(function)
        ]
        found += [
            Broken(_some_rows(name, node), node.lineno)
            for name, function in module.staying_functions
            for node in _row_choices(function)
        ]
        return found


def _changes(forward: ast.FunctionDef) -> Iterator[ast.AST]:
    above = parents(forward)
    for node in find(ast.Name, forward):
        if node.id != POSITIONS:
            continue
        parent = above[node]
        if isinstance(node.ctx, ast.Store) or (isinstance(parent, ast.Attribute) and parent.attr not in ELEMENTWISE):
            yield parent
        elif not isinstance(parent, (ast.Call, ast.keyword)) and (module := _module_called(node, above)) is not None:
            yield module


def _module_called(node: ast.AST, above: dict[ast.AST, ast.AST]) -> ast.Call | None:
    """The call of a module, `self.<module>(...)`, in whose arguments the node stands; questions of size aside."""
    while node in above and not isinstance(node, ast.stmt):
        node = above[node]
        if isinstance(node, ast.Attribute) and node.attr == "shape":
            return None
        if isinstance(node, ast.Call) and spelled(node.func).startswith("self."):
            return node
    return None


def _some_rows(name: str, node: ast.Subscript) -> str:
    return f"`{name}` reads some rows for all: `{spelled(node)}`"


def _row_choices(function: ast.FunctionDef) -> Iterator[ast.Subscript]:
    yield from filter(_chooses_rows, find(ast.Subscript, function))


def _chooses_rows(node: ast.Subscript) -> bool:
    """`cos[:1]`, `position_ids[0]`: an index on the batch axis, other than by positions themselves."""
    if not isinstance(node.value, ast.Name) or node.value.id not in BY_POSITION:
        return False
    first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
    if isinstance(first, ast.Slice):
        return first.lower is not None or first.upper is not None
    return isinstance(first, (ast.Constant, ast.UnaryOp)) and spelled(first) not in ("...", "None", "Ellipsis")
