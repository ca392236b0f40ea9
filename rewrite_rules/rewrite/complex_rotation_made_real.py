"""Rotate with real numbers where upstream multiplies complex ones.

ONNX has no complex tensors. `torch.view_as_complex` pairs numbers up along the last axis; left out, the pairs stay
where they are, and the product of two complex numbers is written out on the pairs. The rotary table holds pairs as
well.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import source

AS_COMPLEX, AS_REAL = "torch.view_as_complex", "torch.view_as_real"


class ComplexRotationMadeReal(Rule):
    why = "ONNX has no complex numbers: real and imaginary part stay a pair, and their product is written out."
    roles = (Role.HELPER_FUNCTION,)
    construct = f"`{AS_REAL}(<a> * <b>)` of names made by `{AS_COMPLEX}(<pairs>)` or of the rotation"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if AS_COMPLEX not in source(function.node):
            return function.node, 0
        real = _Real()
        node = cst.ensure_type(function.node.visit(real), cst.FunctionDef)
        if not real.products or _other_uses(function.node):
            raise Unmatched("complex numbers are used in another way", function.node)
        return node, real.products


def _other_uses(function: cst.FunctionDef) -> bool:
    """Whether a complex number goes anywhere but into a name, a product that is made real, or a question of device."""
    tree = ast.parse(cst.Module([function]).code)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == AS_COMPLEX]
    named = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and node.value in calls and isinstance(node.targets[0], ast.Name)
    }
    fine = {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == AS_REAL
        for name in ast.walk(node)
    }
    fine |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "device"}
    loads = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return len(named) != len(calls) or any(node.id in named and id(node) not in fine for node in loads)


class _Real(cst.CSTTransformer):
    def __init__(self) -> None:
        self.products = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        function = source(updated_node.func)
        if function == AS_COMPLEX and len(updated_node.args) == 1:
            return updated_node.args[0].value
        if function == AS_REAL and len(updated_node.args) == 1:
            product = updated_node.args[0].value
            if isinstance(product, cst.BinaryOperation) and isinstance(product.operator, cst.Multiply):
                self.products += 1
                return _product(source(product.left), source(product.right))
        return updated_node


def _product(left: str, right: str) -> cst.BaseExpression:
    """`(a + bi)(c + di) = (ac - bd) + (ad + bc)i`, on pairs along the last axis."""
    a, b, c, d = f"{left}[..., 0]", f"{left}[..., 1]", f"{right}[..., 0]", f"{right}[..., 1]"
    return cst.parse_expression(f"torch.stack(({a} * {c} - {b} * {d}, {a} * {d} + {b} * {c}), dim=-1)")
