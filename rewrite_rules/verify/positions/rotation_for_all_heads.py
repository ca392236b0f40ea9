"""Cos and sin get an axis for the heads wherever a function rotates with them.

Upstream's batches often have one row of positions for all, and a missing axis is then filled in by broadcasting. With
positions of its own for every row, rows would be taken for heads: an error, or other numbers in a batch of as many
rows as there are heads.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.vocabulary import POSITIONS
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

ROTATIONS = {"cos", "sin", "freqs_cis"}
AXIS = "unsqueeze_dim"


class RotationForAllHeads(Check):
    promise = "What rotates queries and keys has an axis for the heads, so that every row keeps its own positions."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found = [
            Broken(f"`{name}` gives `{lost}` no axis for the heads", generated=function.lineno)
            for name, function in module.functions
            for lost in _without_axis(function)
        ]
        return found + [
            Broken(f"`{name}` gives `{lost}` no axis for the heads", function.lineno)
            for name, function in module.staying_functions
            for lost in _without_axis(function)
        ]


def _without_axis(function: ast.FunctionDef) -> list[str]:
    """The rotations that a function takes together with the place of the heads' axis, and does not give one."""
    taken = {item.arg for item in (*function.args.args, *function.args.kwonlyargs)}
    if AXIS not in taken:
        return []
    given = {
        spelled(_sliced(node.func.value))
        for node in find(ast.Call, function)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "unsqueeze"
        if [spelled(item) for item in node.args] == [AXIS]
    }
    return sorted(ROTATIONS & taken - given)


def _sliced(value: ast.expr) -> ast.expr:
    """What a slice of the last axis, `x[..., <from>:<to>]`, or the rows of positions are taken of; else the value."""
    if isinstance(value, ast.Subscript) and spelled(value.slice) == POSITIONS:
        return value.value
    if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Tuple):
        kinds = [spelled(item) if isinstance(item, ast.Constant) else type(item) for item in value.slice.elts]
        return value.value if kinds == ["...", ast.Slice] else value
    return value
