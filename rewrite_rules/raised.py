"""Where code checks what it is given: what is raised, and on which condition."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from qeff_codegen.codemod.tree import find, spelled, walk

# Functions that raise where their first argument is false.
CHECKS = ("torch._check", "torch_compilable_check", "torch._check_is_size", "torch._assert")


@dataclass(frozen=True)
class Raised:
    """One check.

    Attributes:
        node: the whole statement.
        raises_if: whether it raises where the condition holds; else where it does not.
        stands_alone: the statement does nothing else, and may be taken away.
    """

    node: ast.stmt
    test: ast.expr
    raises_if: bool
    stands_alone: bool


def raised_in(function: ast.FunctionDef) -> Iterator[Raised]:
    """Every check of a function; one that is an `elif` does not stand alone."""
    branches = {id(item) for node in find(ast.If, function) for item in node.orelse if len(node.orelse) == 1}
    for node in walk(function):
        if isinstance(node, ast.Assert):
            yield Raised(node, node.test, False, True)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and spelled(node.value.func) in CHECKS:
            if node.value.args:
                yield Raised(node, node.value.args[0], False, True)
        elif isinstance(node, ast.If):
            raises = [any(isinstance(item, ast.Raise) for item in block) for block in (node.body, node.orelse)]
            only = len(node.body) == 1 and not node.orelse and id(node) not in branches
            if raises[0]:
                yield Raised(node, node.test, True, only)
            if raises[1]:
                yield Raised(node, node.test, False, False)
