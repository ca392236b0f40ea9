"""Drop the docstrings that explain upstream's forward to its users.

They document arguments that the exported decoder no longer has and show calls of another class. The reviewer of a
generated file reads its code beside upstream's.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import only_statement


class NoUsageDocstring(Rule):
    why = "Upstream's usage text documents arguments and calls that the exported decoder does not have."
    roles = (Role.CAUSAL_LM, Role.MODEL)
    construct = "a docstring at the top of a forward"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = function.node.body
        if not function.is_forward or not isinstance(body, cst.IndentedBlock) or len(body.body) < 2:
            return function.node, 0
        statement = only_statement(body.body[0])
        if not isinstance(statement, cst.Expr):
            return function.node, 0
        if not isinstance(statement.value, (cst.SimpleString, cst.ConcatenatedString)):
            return function.node, 0
        return function.node.with_changes(body=body.with_changes(body=body.body[1:])), 1
