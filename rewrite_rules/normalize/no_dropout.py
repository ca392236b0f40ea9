"""Drop dropout, which does nothing in evaluation mode.

Three spellings: `x = self.<dropout>(x)` with an nn.Dropout, which is `module.<dropout>` in a function that attentions
hand themselves to, `x = nn.functional.dropout(x, p=..., training=...)`, and the `dropout=` argument that carries the
probability to an attention function.
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
# What an attention function calls the attention that calls it.
MODULE = "module"


class NoDropout(Rule):
    why = "Dropout is the identity at inference; left in, it would only be one more node."
    roles = (*CALL_PATH, Role.EMBEDDINGS, Role.ATTENTION_FUNCTION)
    construct = "`nn.functional.dropout(...)`, a call of an nn.Dropout module, or a `dropout=` argument"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        owner = anatomy.file.classes.get(function.owner or "")
        modules = modules_made_by(owner, "Dropout") if owner is not None else frozenset()
        if function.role is Role.ATTENTION_FUNCTION:
            modules = _modules_of_attentions(anatomy)
        dropper = _Drop(modules)
        node = cst.ensure_type(function.node.visit(dropper), cst.FunctionDef)
        if function.role is Role.ATTENTION_FUNCTION and ARGUMENT not in names_read(node):
            node = without_parameters(node, [ARGUMENT])
        count = len(dropper.dropped) + dropper.trimmed
        return (node, count) if count else (function.node, 0)


def _modules_of_attentions(anatomy: Anatomy) -> frozenset[str]:
    """`module.<attribute>` for what is an nn.Dropout in every attention: each hands itself to its function."""
    made = [modules_made_by(part.cls, "Dropout") for part in anatomy.parts(Role.ATTENTION)]
    return frozenset(f"{MODULE}{name.removeprefix('self')}" for name in frozenset.intersection(*made))


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
