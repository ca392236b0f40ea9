"""Refuse, when the model is mapped or run, the configurations that look ahead.

Some decoders can also be built as encoders: a configuration flag adds an `or_mask_function` that opens the mask to
later tokens. An exported decoder writes its KV cache token by token, so that flag must not be set; the branch that
would act on it raises instead.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import only_statement, source, statements_of

KEY = "or_mask_function"


class CausalOnly(Rule):
    why = (
        "A token can only attend to what is already cached: a configuration that looks ahead is an error, not ignored."
    )
    roles = (Role.MODEL,)
    words = (KEY,)
    construct = f'`if self.config.<flag>: <keywords>["{KEY}"] = ...`'

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        raiser = _Raise()
        node = cst.ensure_type(function.node.visit(raiser), cst.FunctionDef)
        return (node, raiser.count) if raiser.count else (function.node, 0)


class _Raise(cst.CSTTransformer):
    def __init__(self) -> None:
        self.count = 0

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If:
        flag = source(updated_node.test)
        body = statements_of(updated_node.body)
        opens = bool(body) and all(_opens_mask(item) for item in body)
        if not flag.startswith("self.config.") or updated_node.orelse is not None or not opens:
            return updated_node
        self.count += 1
        error = cst.parse_statement(
            f'raise ValueError("`{flag.removeprefix("self.")}` needs a mask that looks ahead")'
        )
        return updated_node.with_changes(body=cst.IndentedBlock([error]))


def _opens_mask(item: cst.BaseStatement) -> bool:
    """`<keywords>["or_mask_function"] = ...`"""
    statement = only_statement(item)
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return False
    target = statement.targets[0].target
    return isinstance(target, cst.Subscript) and source(target.slice[0]).strip("\"'") == KEY
