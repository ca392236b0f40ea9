"""Scale queries by what a function of the file makes of every position, where upstream has one row of positions."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

import libcst as cst

from rewrite_rules._matching import assigned_name, source

COUNT, POSITIONS = "cache_position", "position_ids"
# Functions that compute each number by itself.
BY_ELEMENT = {"torch.log", "torch.log1p", "torch.floor"}
PER_HEAD = re.compile(r"self\.\w+\(hidden_states\)\.view\(\w+\)\.transpose\(1, 2\)")


def scaled_by_rows(function: cst.FunctionDef, functions: Mapping[str, ast.FunctionDef]) -> cst.FunctionDef:
    """An attention's forward whose queries, [batch, heads, tokens, size], are scaled by the positions of their rows.

    Upstream's `<queries> * <function>(cache_position, ...)` has a scale of `[tokens, 1]`; with a row of positions for
    each sequence it is `[batch, tokens, 1]`, and gets an axis for the heads.
    """
    scaler = _Scale({name for name, item in functions.items() if _scales_each(item)})
    return cst.ensure_type(function.visit(scaler), cst.FunctionDef)


def _scales_each(function: ast.FunctionDef) -> bool:
    """Whether a function computes with each position by itself, and adds an axis at the end."""
    if len(function.body) != 2 or function.decorator_list:
        return False
    made, returned = function.body
    if (
        not isinstance(made, ast.Assign)
        or ast.unparse(returned) != f"return {ast.unparse(made.targets[0])}.unsqueeze(-1)"
    ):
        return False
    known = (ast.BinOp, ast.operator, ast.Constant, ast.Name, ast.Call, ast.Attribute, ast.expr_context)
    calls = {ast.unparse(node.func) for node in ast.walk(made.value) if isinstance(node, ast.Call)}
    return calls <= BY_ELEMENT and all(isinstance(node, known) for node in ast.walk(made.value))


class _Scale(cst.CSTTransformer):
    def __init__(self, functions: set[str]) -> None:
        self.functions = functions
        self.per_head: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and PER_HEAD.fullmatch(source(assigned[1])):
            self.per_head.add(assigned[0])

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BinaryOperation:
        scale = updated_node.right
        cast = scale.func if isinstance(scale, cst.Call) else None
        call = cast.value if isinstance(cast, cst.Attribute) and cast.attr.value == "to" else scale
        if not isinstance(updated_node.operator, cst.Multiply) or source(updated_node.left) not in self.per_head:
            return updated_node
        if not isinstance(call, cst.Call) or source(call.func) not in self.functions:
            return updated_node
        first, *others = call.args
        if source(first.value) != COUNT or first.keyword is not None or any(COUNT in source(item) for item in others):
            return updated_node
        rows = call.with_changes(args=[first.with_changes(value=cst.Name(POSITIONS)), *others])
        spread = cst.Call(cst.Attribute(rows, cst.Name("unsqueeze")), [cst.Arg(cst.Integer("1"))])
        return cst.ensure_type(updated_node.deep_replace(call, spread), cst.BinaryOperation)
