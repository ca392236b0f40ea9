"""Return a tuple in one statement where upstream names it first, to add what was asked for.

Older files collect results, `outputs = (hidden_states,)`, and add attention weights when they are asked for. Nobody
asks, so nothing stands between the tuple and its return; said at once, the return shows what it consists of.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._functions import values_of
from rewrite_rules._matching import assigned_name, names_loaded, only_statement, source, statements_of, tree_of
from rewrite_rules._statements import with_body


class ReturnedAtOnce(Rule):
    why = "With nothing to add to it, a tuple is returned where it is made, and the cache can be taken along."
    roles = (Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, Role.ATTENTION)
    words = ("return ",)
    construct = "`<outputs> = (<results>,)`, directly followed by `return <outputs>`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        body = statements_of(function.node.body)
        if not function.is_forward or len(body) < 2:
            return function.node, 0
        assigned, last = assigned_name(body[-2]), only_statement(body[-1])
        if assigned is None or not isinstance(assigned[1], cst.Tuple) or not isinstance(last, cst.Return):
            return function.node, 0
        name, value = assigned
        others = with_body(function.node, body[:-1])
        if last.value is None or source(last.value) != name or len(values_of(name, tree_of(function.node))) != 1:
            return function.node, 0
        if name in names_loaded(others):
            return function.node, 0
        line = cst.ensure_type(body[-1], cst.SimpleStatementLine)
        returned = line.with_changes(body=[last.with_changes(value=value)])
        return with_body(function.node, [*body[:-2], returned]), 1
