"""Take the statements that are the same for one token and for many out of their branch.

Older releases zero the pads of a prompt and not of a token. Without that, some branches do the same on both sides.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import equal
from rewrite_rules.normalize.texts._earlier_calls import WAS_CALLED, branches


class SameForOneToken(Rule):
    why = "What is done in every call is no question of the calls before."
    roles = (Role.STATE_MIXER,)
    names = ("has_previous_state",)

    @property
    def construct(self) -> str:
        return f"`if {WAS_CALLED.shown}: A`, `else: A`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for branch in branches(code):
            if _are_equal(branch.one, branch.many):
                edits.replace_statement(branch.node, "".join(map(edits.statement_text, branch.many)))
                count += 1
        return edits.done(), count


def _are_equal(one: list[ast.stmt], many: list[ast.stmt]) -> bool:
    return len(one) == len(many) and all(equal(*pair) for pair in zip(one, many, strict=True))
