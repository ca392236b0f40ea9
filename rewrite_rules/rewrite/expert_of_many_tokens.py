"""Let the module that computes one expert compute the experts of many tokens at once.

Its weights arrive with axes for token and choice in front. Products, activations and products by element do not mind;
transposing does, and means the last two axes.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._each_row import EachRow
from rewrite_rules._matching import only_statement, parameter_names, source, statements_of


class ExpertOfManyTokens(Rule):
    why = "Weights are gathered for every token and choice, so a transposed one is transposed in its last two axes."
    roles = (Role.EXPERT,)
    expect = Expect.AT_LEAST_ONE
    construct = "a forward of `<name> = ...` with `matmul`, activations, products and transposed weights alone"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        rows = EachRow(anatomy.file.classes[function.owner or ""])
        for item in statements_of(function.node.body):
            if not _is_by_element(item, set(parameter_names(function.node)), rows):
                raise Unmatched("an expert computes something that may depend on the number of axes", item)
        node = cst.ensure_type(function.node.visit(_LastAxes()), cst.FunctionDef)
        return node, 1


def _is_by_element(item: cst.BaseStatement, parameters: set[str], rows: EachRow) -> bool:
    statement = only_statement(item)
    if isinstance(statement, cst.Return):
        return isinstance(statement.value, cst.Name)
    return isinstance(statement, cst.Assign) and _known(statement.value, parameters, rows)


def _known(value: cst.BaseExpression, parameters: set[str], rows: EachRow) -> bool:
    if isinstance(value, cst.Name):
        return True
    if isinstance(value, cst.BinaryOperation):
        by_element = isinstance(value.operator, cst.Multiply)
        return by_element and _known(value.left, parameters, rows) and _known(value.right, parameters, rows)
    if _transposed(value) is not None:
        return _transposed(value) in parameters
    if isinstance(value, cst.Call) and all(_known(item.value, parameters, rows) for item in value.args):
        function = value.func
        if isinstance(function, cst.Attribute) and function.attr.value == "matmul":
            return isinstance(function.value, cst.Name) and len(value.args) == 1
        name = source(function)
        return name.startswith("self.") and len(value.args) == 1 and rows.keeps_rows(name.removeprefix("self."))
    return False


def _transposed(value: cst.BaseExpression) -> str | None:
    """The name in `<name>.t()` and `<name>.T`."""
    attribute = value.func if isinstance(value, cst.Call) and not value.args else value
    if isinstance(attribute, cst.Attribute) and isinstance(attribute.value, cst.Name):
        called = isinstance(value, cst.Call)
        return attribute.value.value if attribute.attr.value == ("t" if called else "T") else None
    return None


class _LastAxes(cst.CSTTransformer):
    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = _transposed(original_node)
        return cst.parse_expression(f"{name}.transpose(-1, -2)") if name else updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        name = _transposed(original_node)
        return cst.parse_expression(f"{name}.transpose(-1, -2)") if name else updated_node
