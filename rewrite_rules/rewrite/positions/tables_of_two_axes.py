"""Index tables of a rotation as they are, where upstream takes two axes of size one away from them first.

Files before 4.36 keep their tables as `[1, 1, positions, features]`, and their helper function squeezes both axes
before it looks positions up. The generated tables have two axes from the beginning.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.kept_tables import kept_tables
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import POSITIONS, pattern

SQUEEZED, LOOKED_UP = pattern("$given.squeeze(1).squeeze(0)"), pattern(f"$table[{POSITIONS}]")


class TablesOfTwoAxes(Rule):
    why = "The tables have an axis for positions and one for features, so none of size one is taken away."
    roles = (Role.HELPER_FUNCTION,)
    names = ("squeeze",)
    construct = f"`{SQUEEZED}` before `{LOOKED_UP}`, of tables that every rotation keeps with four axes"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, edits, count = function.code, Edits(function.code), 0
        kept = [kept_tables(anatomy.file, part.cls) for part in anatomy.parts(Role.ROTARY_EMBEDDING)]
        if not kept or not all(item is not None and item.four_axes for item in kept):
            return code, 0
        tables = [found["table"] for found in find_all(LOOKED_UP, code)]
        looked_up = {item.id for item in tables if isinstance(item, ast.Name)}
        for found in find_all(SQUEEZED, code):
            given, statement = found["given"], code.statement_of(found.node)
            named = assigned(statement)
            kept_by_name = named is not None and named[1] is found.node and named[0] in looked_up
            if found.name("given") not in code.parameters or not (kept_by_name or found.node in tables):
                continue
            assert isinstance(given, ast.Name) and isinstance(found.node, ast.expr)
            if kept_by_name and named is not None and named[0] == given.id:
                edits.remove(statement)
            else:
                edits.replace(found.node, given.id)
            count += 1
        return edits.done(), count
