"""What the locals of a function are bound to."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection

from qeff_codegen.codemod.tree import find, spelled, walk


def names_standing_for(functions: Collection[str], forward: ast.FunctionDef) -> set[str]:
    """Local names that stand for one of `functions` wherever they are bound."""
    bound = Counter(node.id for node in find(ast.Name, forward) if isinstance(node.ctx, ast.Store))
    assigned: list[tuple[ast.expr, ast.expr | None]] = [
        (target, node.value) for node in find(ast.Assign, forward) for target in node.targets
    ]
    assigned += [(node.target, node.value) for node in find(ast.AnnAssign, forward)]
    standing = Counter(
        target.id
        for target, value in assigned
        if isinstance(target, ast.Name) and value is not None and spelled(value) in functions
    )
    return {name for name, count in standing.items() if count == bound[name]}


def values_of(name: str, tree: ast.AST) -> list[str]:
    """Everything a local is bound to, as source; what adds to it, or only annotates it, as the whole statement."""
    return [
        spelled(node.value) if isinstance(node, ast.Assign) else spelled(node)
        for node in walk(tree)
        if (isinstance(node, ast.Assign) and name in map(spelled, node.targets))
        or (isinstance(node, (ast.AugAssign, ast.AnnAssign)) and spelled(node.target) == name)
    ]
