"""Refuse, when the model is run, token types that open blocks of the mask to later tokens.

Some decoders let the tokens of an instruction see each other, where a caller marks them by their type. A graph that
writes its KV cache chunk by chunk cannot show a token what comes later, and none of its inputs are token types, which
nothing asks for: without them upstream's mask is causal. A caller who gives some is told.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

GIVEN = pattern("token_type_ids is not None")
OPENED = pattern("$_['block_sequence_ids'] = $_")
REFUSED = (
    "if token_type_ids is not None:\n"
    '    raise ValueError("`token_type_ids` opens the mask to later tokens, which the KV cache does not hold yet")'
)


class NoBlocksOfTokens(Rule):
    why = "A token can only attend to what is already cached: types that open blocks to later tokens are an error."
    roles = (Role.MODEL,)
    names = ("token_type_ids",)
    construct = f"`{OPENED}` in a branch on `{GIVEN}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits = Edits(code)
        count = 0
        for node in code.nodes(ast.If):
            parts = node.test.values if isinstance(node.test, ast.BoolOp) and _is_and(node.test) else [node.test]
            asks = any(match(GIVEN, part) is not None for part in parts) and not node.orelse
            if asks and any(match(OPENED, item) is not None for item in find(ast.Assign, node)):
                edits.replace_statement(node, REFUSED)
                count += 1
        return edits.done(), count


def _is_and(test: ast.BoolOp) -> bool:
    return isinstance(test.op, ast.And)
