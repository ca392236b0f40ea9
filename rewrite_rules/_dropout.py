"""Which calls are dropout, and what is left of them at inference: their first argument."""

from __future__ import annotations

import libcst as cst

from qeff_codegen.engine.rule import Unmatched
from rewrite_rules._matching import assigned_name, source

FUNCTIONS = {"nn.functional.dropout", "F.dropout", "torch.nn.functional.dropout"}


class WithoutDropout(cst.CSTTransformer):
    """Replace calls of dropout by what they are given, and drop statements that then assign a name to itself.

    Args of the constructor:
        modules: how the class spells its dropout modules, such as `self.resid_dropout`.
    """

    def __init__(self, modules: frozenset[str] = frozenset()) -> None:
        self.modules = modules
        self.dropped: list[cst.Call] = []

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        function = source(original_node.func)
        if function in FUNCTIONS and not _is_for_training(updated_node):
            raise Unmatched("this drops out at inference as well", original_node)
        if updated_node.args and (function in FUNCTIONS or function in self.modules):
            self.dropped.append(original_node)
            return updated_node.args[0].value
        return updated_node

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
