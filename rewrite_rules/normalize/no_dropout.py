"""Drop dropout, which does nothing in evaluation mode.

Three spellings: `x = self.<dropout>(x)` with an nn.Dropout, `x = nn.functional.dropout(x, p=..., training=...)`, and
the `dropout=` argument that carries the probability to an attention function.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._dropout import WithoutDropout
from rewrite_rules._matching import modules_made_by, names_read, without_keywords, without_parameters

ARGUMENT = "dropout"


class NoDropout(Rule):
    why = "Dropout is the identity at inference; left in, it would only be one more node."
    roles = (*CALL_PATH, Role.EMBEDDINGS, Role.ATTENTION_FUNCTION)
    construct = "`nn.functional.dropout(...)`, a call of an nn.Dropout module, or a `dropout=` argument"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        owner = anatomy.file.classes.get(function.owner or "")
        dropper = _Drop(modules_made_by(owner, "Dropout") if owner is not None else frozenset())
        node = cst.ensure_type(function.node.visit(dropper), cst.FunctionDef)
        if function.role is Role.ATTENTION_FUNCTION and ARGUMENT not in names_read(node):
            node = without_parameters(node, [ARGUMENT])
        count = len(dropper.dropped) + dropper.trimmed
        return (node, count) if count else (function.node, 0)


class _Drop(WithoutDropout):
    def __init__(self, modules: frozenset[str]) -> None:
        super().__init__(modules)
        self.trimmed = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        left = super().leave_Call(original_node, updated_node)
        if left is not updated_node:
            return left
        trimmed = without_keywords(updated_node, [ARGUMENT])
        self.trimmed += trimmed is not updated_node
        return trimmed
