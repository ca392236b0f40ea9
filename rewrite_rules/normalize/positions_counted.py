"""Take positions from `position_ids` where a model always counts them from the length of the cache.

Some models take no positions: they count `arange(<new tokens>) + <length of the cache>`, one row for the whole batch.
A preallocated cache is as long as the context, and every sequence has its own positions, so they are given instead. A
row for each sequence has another shape, so positions may only be looked up in a table.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._functions import values_of
from rewrite_rules._lengths import Lengths
from rewrite_rules._matching import SEEN, assigned_name, source, statements_of, tree_of

POSITIONS = "position_ids"
COUNTED = re.compile(r"torch\.arange\((?P<new>[\w.]+(?:\[1\])?), device=\w+\.device\) \+ (?P<seen>\w+)")
ROW = re.compile(r"self\.\w+\.weight")


class PositionsCounted(Rule):
    why = "Every sequence has its own positions; counting on from the length of a preallocated cache would be wrong."
    roles = (Role.MODEL,)
    words = (f"{POSITIONS} = torch.arange(",)
    construct = f"`{POSITIONS} = torch.arange(<new tokens>, ...) + <length of the cache>`, looked up in a table"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        counted = [item for item in body if _is_counted(item, function.node)]
        if not counted:
            return function.node, 0
        kept = [item for item in body if item not in counted]
        node = function.node.with_changes(body=function.node.body.with_changes(body=kept))
        other = _other_use(node)
        if len(counted) > 1 or other:
            raise Unmatched(f"positions counted for one row are not only looked up: `{other}`", counted[0])
        return node, 1


def _is_counted(item: cst.BaseStatement, function: cst.FunctionDef) -> bool:
    assigned = assigned_name(item)
    if assigned is None or assigned[0] != POSITIONS:
        return False
    match = COUNTED.fullmatch(source(assigned[1]))
    if match is None:
        return False
    lengths = Lengths()
    function.visit(lengths)
    return lengths.counts_new(match["new"]) and values_of(match["seen"], tree_of(function)) == [SEEN]


def _other_use(function: cst.FunctionDef) -> str:
    """The first statement that does more with positions than look them up in a table; empty if there is none."""
    tree = ast.parse(cst.Module([function]).code)
    looked_up = {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ROW.fullmatch(ast.unparse(node.value))
        for name in ast.walk(node.slice)
    }
    return next(
        (
            ast.unparse(statement).split("\n", 1)[0]
            for statement in ast.walk(tree)
            if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.If, ast.Expr))
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and node.id == POSITIONS and id(node) not in looked_up
        ),
        "",
    )
