"""Drop dropout, which does nothing in evaluation mode.

Three spellings: `x = self.<dropout>(x)` with an nn.Dropout, `x = nn.functional.dropout(x, p=..., training=...)`, and
the `dropout=` argument that carries the probability to an attention function.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import (
    assigned_name,
    modules_made_by,
    names_read,
    source,
    without_keywords,
    without_parameters,
)

FUNCTIONS = {"nn.functional.dropout", "F.dropout", "torch.nn.functional.dropout"}
ARGUMENT = "dropout"


class NoDropout(Rule):
    why = "Dropout is the identity at inference; left in, it would only be one more node."
    roles = (*CALL_PATH, Role.ATTENTION_FUNCTION)
    construct = "`nn.functional.dropout(...)`, a call of an nn.Dropout module, or a `dropout=` argument"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        owner = anatomy.file.classes.get(function.owner or "")
        dropper = _Drop(modules_made_by(owner, "Dropout") if owner is not None else frozenset())
        node = cst.ensure_type(function.node.visit(dropper), cst.FunctionDef)
        if function.role is Role.ATTENTION_FUNCTION and ARGUMENT not in names_read(node):
            node = without_parameters(node, [ARGUMENT])
        return (node, dropper.count) if dropper.count else (function.node, 0)


class _Drop(cst.CSTTransformer):
    def __init__(self, modules: frozenset[str]) -> None:
        self.modules = modules
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        function = source(original_node.func)
        if function in FUNCTIONS and not _is_for_training(updated_node):
            raise Unmatched("this drops out at inference as well", original_node)
        if updated_node.args and (function in FUNCTIONS or function in self.modules):
            self.count += 1
            return updated_node.args[0].value
        trimmed = without_keywords(updated_node, [ARGUMENT])
        self.count += trimmed is not updated_node
        return trimmed

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        if assigned is not None and updated_node is not original_node and source(assigned[1]) == assigned[0]:
            return cst.RemoveFromParent()
        return updated_node


def _is_for_training(call: cst.Call) -> bool:
    """Whether a call of a function, which drops out unless it is told not to, only does so in training."""
    given = [item.value for item in call.args if item.keyword is not None and item.keyword.value == "training"]
    switch = given[0] if given else call.args[2].value if len(call.args) > 2 else None
    return switch is not None and (source(switch).endswith("training") or source(switch) == "False")
