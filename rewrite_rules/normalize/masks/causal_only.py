"""Refuse, when the model is mapped or run, the configurations that look ahead.

Some decoders can also be built as encoders: a configuration flag adds an `or_mask_function` that opens the mask to
later tokens. An exported decoder writes its KV cache token by token, so that flag must not be set; the branch that
would act on it raises instead.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

CONFIGURATION = pattern("self.config")
OPENED = pattern("$_['or_mask_function'] = $_")


class CausalOnly(Rule):
    why = (
        "A token can only attend to what is already cached: a configuration that looks ahead is an error, not ignored."
    )
    roles = (Role.MODEL,)
    construct = f"`{OPENED}` in a branch on a setting of `{CONFIGURATION}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits = Edits(code)
        branches = [node for node in code.nodes(ast.If) if not node.orelse and _opens_mask(node)]
        for node in branches:
            if isinstance(node.test, ast.Attribute) and match(CONFIGURATION, node.test.value) is not None:
                what = f"`config.{node.test.attr}` needs a mask that looks ahead"
                edits.replace_statements(node.body, f'raise ValueError("{what}")')
        return edits.done(), len(branches)


def _opens_mask(branch: ast.If) -> bool:
    return all(match(OPENED, item) is not None for item in branch.body)
