"""Take positions from `position_ids` where a model always counts them from the length of the cache.

Some models take no positions: they count `arange(<new tokens>) + <length of the cache>`, one row for the whole batch.
A preallocated cache is as long as the context, and every sequence has its own positions, so they are given instead. A
row for each sequence has another shape, so positions may only be looked up in a table.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import COUNT, POSITIONS, pattern

COUNTED = pattern(f"{POSITIONS} = {COUNT}")
LOOKED_UP = pattern("$_.weight[$rows]")


class PositionsCounted(Rule):
    why = "Every sequence has its own positions; counting on from the length of a preallocated cache would be wrong."
    roles = (Role.MODEL,)
    names = (POSITIONS,)
    construct = f"`{COUNTED}`, from the number of new tokens and the length of the cache, looked up in a table"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        lengths = lengths_of(code.tree)
        counted = [
            code.statement_of(found.node)
            for found in find_all(COUNTED, code)
            if found.node in code.body and lengths.counts_new(found["new"]) and lengths.is_seen(found["seen"])
        ]
        if not counted:
            return code, 0
        other = _other_use(code, counted)
        if len(counted) > 1 or other:
            raise Unmatched(f"positions counted for one row are not only looked up: `{other}`", counted[0])
        edits = Edits(code)
        edits.remove(counted[0])
        return edits.done(), 1


def _other_use(code: Code, counted: list[ast.stmt]) -> str:
    """The first statement that does more with positions than look them up in a table; empty if there is none."""
    looked_up = {node for found in find_all(LOOKED_UP, code) for node in ast.walk(found["rows"])}
    for node in code.nodes(ast.Name):
        statement = code.statement_of(node)
        if node.id == POSITIONS and node not in looked_up and statement not in counted:
            return ast.unparse(statement).split("\n", 1)[0]
    return ""
