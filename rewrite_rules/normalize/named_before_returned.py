"""Name what the next part returns before it is returned.

A module that only chooses an attention hands its result on, `return self.attention(...)`. Named, the result shows what
it consists of, and the cache can be taken along.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import only_statement, spelled


class NamedBeforeReturned(Rule):
    why = "Naming a result before it is returned shows what it consists of, and where the cache belongs."
    roles = (Role.DECODER_LAYER, Role.ATTENTION_WRAPPER)
    words = ("return self.",)
    construct = "`return <callee>(...)`, the callee returning a tuple of names"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        callees = anatomy.callees(function.role)
        namer = _Name({call: names for call, part in callees.items() if (names := _returned_names(part))})
        node = cst.ensure_type(function.node.visit(namer), cst.FunctionDef)
        return (node, namer.count) if namer.count else (function.node, 0)


def _returned_names(part: Part) -> str | None:
    """The names that a forward returns as a tuple, if it returns the same in all places."""
    returned = {ast.unparse(node.value or node) for node in ast.walk(part.forward) if isinstance(node, ast.Return)}
    text = returned.pop() if len(returned) == 1 else ""
    value = ast.parse(text, mode="eval").body if text else None
    if not isinstance(value, ast.Tuple) or not all(isinstance(item, ast.Name) for item in value.elts):
        return None
    return ", ".join(ast.unparse(item) for item in value.elts)


class _Name(cst.CSTTransformer):
    def __init__(self, returned: dict[str, str]) -> None:
        self.returned = returned
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        statement = only_statement(updated_node)
        if not isinstance(statement, cst.Return) or not isinstance(statement.value, cst.Call):
            return updated_node
        names = self.returned.get(spelled(statement.value.func))
        if names is None:
            return updated_node
        self.count += 1
        named = cst.ensure_type(cst.parse_statement(f"{names} = None"), cst.SimpleStatementLine)
        assignment = cst.ensure_type(named.body[0], cst.Assign).with_changes(value=statement.value)
        result = cst.parse_expression(names)
        return cst.FlattenSentinel(
            [
                updated_node.with_changes(body=[assignment]),
                updated_node.with_changes(body=[statement.with_changes(value=result)], leading_lines=[]),
            ]
        )
