"""Return a tuple where it is made, instead of by a name that is bound to it.

Older files collect their results, `outputs = (hidden_states,)`, append what was asked for, and return the name.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, only_statement, source, statements_of


class TupleReturnedDirectly(Rule):
    why = "A tuple that is returned as it was made shows what a module returns, and where the cache belongs."
    roles = (Role.DECODER_LAYER, Role.ATTENTION)
    construct = "`<results> = (<hidden states>, ...)`, and `return <results>` as the next statement"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        # What was appended in a branch on a switch is gone once the switch is decided.
        lines = [item for item in body if not _asks_for_weights(item)]
        if not function.is_forward or len(lines) < 2:
            return function.node, 0
        made, returned = assigned_name(lines[-2]), only_statement(lines[-1])
        if made is None or not isinstance(made[1], cst.Tuple) or not isinstance(returned, cst.Return):
            return function.node, 0
        if returned.value is None or source(returned.value) != made[0]:
            return function.node, 0
        line = cst.ensure_type(lines[-2], cst.SimpleStatementLine)
        direct = line.with_changes(body=[returned.with_changes(value=made[1])])
        return function.node.with_changes(body=function.node.body.with_changes(body=[*lines[:-2], direct])), 1


def _asks_for_weights(item: cst.BaseStatement) -> bool:
    return isinstance(item, cst.If) and item.orelse is None and source(item.test) == "output_attentions"
