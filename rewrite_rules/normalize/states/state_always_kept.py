"""Always keep a state mixer's states.

Without a cache upstream's mixer starts from nothing and keeps nothing; an exported one always has its states, as the
retained ones of the graph.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.names import assigned
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import CACHE, pattern

GIVEN, ABSENT = pattern(f"{CACHE} is not None"), pattern(f"{CACHE} is None")


class StateAlwaysKept(Rule):
    why = "The retained states are always taken and returned, so whether there is a cache decides nothing."
    roles = (Role.STATE_MIXER,)
    names = (CACHE,)
    construct = f"a condition on `{GIVEN}`, or on a name that is bound to it"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        named = [item for node in code.nodes(ast.Assign) if (item := assigned(node)) is not None]
        bound = [node.id for node in code.nodes(ast.Name) if isinstance(node.ctx, ast.Store)]
        given = {name for name, value in named if match(GIVEN, value) is not None and bound.count(name) == 1}

        def truth(test: ast.expr) -> bool | None:
            if match(GIVEN, test) is not None or (isinstance(test, ast.Name) and test.id in given):
                return True
            return False if match(ABSENT, test) is not None else None

        return fold(code, truth)
