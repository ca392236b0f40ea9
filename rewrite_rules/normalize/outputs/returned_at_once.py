"""Return a tuple in one statement where upstream names it first, to add what was asked for.

Older files collect results, `outputs = (hidden_states,)`, and add attention weights when they are asked for. Nobody
asks, so nothing stands between the tuple and its return; said at once, the return shows what it consists of.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

NAMED = pattern("$outputs = ($...results,)\nreturn $outputs")


class ReturnedAtOnce(Rule):
    why = "With nothing to add to it, a tuple is returned where it is made, and the cache can be taken along."
    roles = (Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, Role.ATTENTION)
    construct = f"`{NAMED}`".replace("\n", "; ")

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        named = [found for found in find_all(NAMED, code) if found.are_names("outputs")]
        for found in named if function.is_forward else ():
            made, returned = found.nodes
            assert isinstance(made, ast.Assign) and isinstance(returned, ast.Return) and returned.value is not None
            edits.replace(returned.value, code.segment(made.value))
            edits.remove(made)
            count += 1
        return edits.done(), count
