"""Write the sum itself where a helper of the file drops out and then adds the residual.

Without dropout, `dropout_add(x, residual, p, training)` is `residual + x`.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._dropout import FUNCTIONS
from rewrite_rules._matching import names_bound, parameter_names, source

# What says that dropout is off: nothing trains.
OFF = {"self.training", "False"}


class PlainResidualSum(Rule):
    why = "Dropout is the identity at inference, which leaves a sum."
    roles = CALL_PATH
    construct = "a call of a function whose body is `<out> = F.dropout(<x>, ...)`, `<out> = <residual> + <out>`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        local = names_bound(function.node) | set(parameter_names(function.node))
        helpers = {
            name: (parameters(helper), summands)
            for name, helper in anatomy.file.functions.items()
            if name not in local and (summands := _summands(helper)) is not None
        }
        adder = _Add(helpers)
        node = cst.ensure_type(function.node.visit(adder), cst.FunctionDef)
        return (node, adder.count) if adder.count else (function.node, 0)


def _summands(helper: ast.FunctionDef) -> tuple[str, str, str] | None:
    """The two parameters that a helper adds, in the order of the sum, when that is all it does at inference.

    The third is the parameter that says whether dropout is on.
    """
    if helper.decorator_list:
        return None
    body = [item for item in helper.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    if len(body) != 3:
        return None
    dropped, added, returned = body
    if not isinstance(dropped, ast.Assign) or not isinstance(dropped.value, ast.Call) or not dropped.value.args:
        return None
    out, x = ast.unparse(dropped.targets[0]), ast.unparse(dropped.value.args[0])
    if ast.unparse(dropped.value.func) not in FUNCTIONS or ast.unparse(returned) != f"return {out}":
        return None
    switch = next((ast.unparse(item.value) for item in dropped.value.keywords if item.arg == "training"), "")
    if switch not in parameters(helper):
        return None
    for residual in parameters(helper):
        if residual != out and x in parameters(helper) and ast.unparse(added) == f"{out} = {residual} + {out}":
            return residual, x, switch
    return None


class _Add(cst.CSTTransformer):
    def __init__(self, helpers: dict[str, tuple[tuple[str, ...], tuple[str, str, str]]]) -> None:
        self.helpers = helpers
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        helper = self.helpers.get(source(updated_node.func))
        if helper is None or any(item.star for item in updated_node.args):
            return updated_node
        names, (left, right, switch) = helper
        values = {
            item.keyword.value if item.keyword is not None else names[index]: _operand(item.value)
            for index, item in enumerate(updated_node.args)
        }
        if left not in values or right not in values or values.get(switch) not in OFF:
            return updated_node
        self.count += 1
        return cst.parse_expression(f"({values[left]} + {values[right]})")


def _operand(value: cst.BaseExpression) -> str:
    """An argument's text as it may stand beside an operator."""
    return source(value) if isinstance(value, (cst.Name, cst.Attribute, cst.Call)) else f"({source(value)})"
