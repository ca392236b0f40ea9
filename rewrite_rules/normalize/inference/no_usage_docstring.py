"""Drop the docstrings that explain upstream's forward to its users.

They document arguments that the exported decoder no longer has and show calls of another class. The reviewer of a
generated file reads its code beside upstream's.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule


class NoUsageDocstring(Rule):
    why = "Upstream's usage text documents arguments and calls that the exported decoder does not have."
    roles = (Role.CAUSAL_LM, Role.MODEL)
    construct = "a docstring at the top of a forward"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or len(code.body) < 2 or ast.get_docstring(code.tree) is None:
            return code, 0
        edits = Edits(code)
        edits.remove(code.body[0])
        return edits.done(), 1
