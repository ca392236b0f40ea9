"""Make no mask of pads for layers that keep a state.

Upstream multiplies pads by zero on their way into such a layer. That neither keeps them out of a convolution's last
columns nor stops the state from decaying, and it keeps a NaN; generated layers are told of pads by `position_ids`.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

MADE = pattern("transformers.masking_utils.create_recurrent_attention_mask(...)")
ADDED = pattern("$masks[$key] = $_(...)")


class NoRecurrentMask(Rule):
    why = "Layers that keep a state are told of pads by `position_ids`; a mask of zeros and ones would not stop them."
    roles = (Role.MODEL,)
    names = ("create_recurrent_attention_mask",)
    construct = "`create_recurrent_attention_mask(...)`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        edits = Edits(function.code)
        made = find_all(MADE, function.code)
        for found in made:
            statement = function.code.statement_of(found.node)
            if _is_read_nowhere(statement, function.code):
                edits.remove(statement)
            else:
                edits.replace(found.expression, "None")
        return edits.done(), len(made)


def _is_read_nowhere(statement: ast.stmt, code: Code) -> bool:
    """Whether a statement puts the mask into a mapping of masks, under a key that nothing else names."""
    added = match(ADDED, statement)
    key = added["key"] if added is not None else None
    named = [node for node in code.nodes(ast.Constant) if isinstance(key, ast.Constant) and node.value == key.value]
    return isinstance(key, ast.Constant) and len(named) == 1
