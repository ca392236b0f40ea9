"""Select scores by a boolean mask instead of adding a large negative number.

`MIN_MASKED_ATTENTION_VALUE` is the value the compiler knows as "may not be attended to". Adding a boolean mask would
add 0 or 1 without any error, so every use of the mask must be one that is understood here.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import MaskForm, mask_form
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import assigned_name, source

# What may be asked of a mask besides where it forbids.
SIZES = {"shape", "size", "device"}
LEAST = "MIN_MASKED_ATTENTION_VALUE"
# What upstream fills scores with that may not be used.
FORBIDS = re.compile(r"torch\.finfo\([\w.]+\)\.min|float\(['\"]-inf['\"]\)|-(torch|math)\.inf")


class BooleanMask(Rule):
    why = "The mask is boolean, true where a score may not be used: the compiler knows the value that takes its place."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    construct = "`<scores> + <mask>`, or `<scores>.masked_fill(<mask>, <value>)` of a boolean mask"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        mask = anatomy.mask_parameters.get(function.qualified_name)
        if mask is None:
            return function.node, 0
        selector = _Select(mask, mask_form(anatomy))
        node = cst.ensure_type(function.node.visit(selector), cst.FunctionDef)
        stray = _StrayUses(selector.masks)
        node.body.visit(stray)
        if not selector.count or stray.uses or (selector.count > 1 and _in_one_branch(node, selector.masks)):
            what = f"`{function.qualified_name}` adds its mask to the scores {selector.count} times"
            if stray.uses:
                what = f"`{function.qualified_name}` uses its mask in a way that is not understood"
            raise Unmatched(what, stray.uses[0] if stray.uses else node.params)
        return node, selector.count


def _in_one_branch(function: cst.FunctionDef, masks: set[str]) -> bool:
    """Whether scores are selected twice on one way through a function, so that what is masked is masked again."""

    def count(statements: list[ast.stmt]) -> int:
        return sum(
            max(count(item.body), count(item.orelse)) if isinstance(item, ast.If) else _selections(item, masks)
            for item in statements
        )

    definition = ast.parse(cst.Module([function]).code).body[0]
    assert isinstance(definition, ast.FunctionDef)
    return count(definition.body) > 1


def _selections(statement: ast.stmt, masks: set[str]) -> int:
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call) and node.args]
    return sum(
        ast.unparse(node.func) == "torch.where"
        and bool(masks & {name.id for name in ast.walk(node.args[0]) if isinstance(name, ast.Name)})
        or ast.unparse(node.func).endswith(".masked_fill")
        and ast.unparse(node.args[0]) in masks
        for node in calls
    )


class _Select(cst.CSTTransformer):
    """Rewrite where the mask meets the scores; mask is the parameter or a slice of it bound to a local name."""

    def __init__(self, mask: str, form: MaskForm) -> None:
        self.masks = {mask}
        self.form = form
        self.count = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and isinstance(assigned[1], cst.Subscript) and self.is_mask(assigned[1].value):
            self.masks.add(assigned[0])

    def is_mask(self, expression: cst.BaseExpression) -> bool:
        return isinstance(expression, cst.Name) and expression.value in self.masks

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BaseExpression:
        if not isinstance(updated_node.operator, cst.Add) or self.form is MaskForm.FILLED:
            return updated_node
        for mask, scores in ((updated_node.right, updated_node.left), (updated_node.left, updated_node.right)):
            if self.is_mask(mask):
                self.count += 1
                scores = scores.with_changes(lpar=(), rpar=()) if isinstance(scores, cst.IfExp) else scores
                return cst.parse_expression(f"torch.where({source(mask)}, {LEAST}, {source(scores)})")
        return updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if self.form is not MaskForm.FILLED or not isinstance(updated_node.func, cst.Attribute):
            return updated_node
        arguments = updated_node.args
        if (
            updated_node.func.attr.value != "masked_fill"
            or len(arguments) != 2
            or not self.is_mask(arguments[0].value)
        ):
            return updated_node
        if not FORBIDS.fullmatch(source(arguments[1].value)):
            raise Unmatched("a score that may not be used is filled with another number than the least", original_node)
        self.count += 1
        value = arguments[1].with_changes(value=cst.Name(LEAST))
        return updated_node.with_changes(args=[arguments[0], value])


class _StrayUses(cst.CSTVisitor):
    """Uses of a mask other than `is None`, questions of size, the selection itself, and slicing into a local name."""

    def __init__(self, masks: set[str]) -> None:
        self.masks = masks
        self.uses: list[cst.CSTNode] = []

    def visit_Comparison(self, node: cst.Comparison) -> bool:
        return not (isinstance(node.left, cst.Name) and source(node.comparisons[0].comparator) == "None")

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        return node.attr.value not in SIZES

    def visit_Call(self, node: cst.Call) -> bool | None:
        # Only what this rule has written: upstream's own comparisons with the mask are about numbers.
        arguments = [source(item.value) for item in node.args]
        if LEAST not in arguments[1:2] or arguments[0] not in self.masks:
            return None
        node.func.visit(self)
        for item in node.args[1:]:
            item.visit(self)
        return False

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool | None:
        assigned = assigned_name(node)
        slices = assigned is not None and assigned[0] in self.masks and isinstance(assigned[1], cst.Subscript)
        return False if slices else None

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        if node.value in self.masks:
            self.uses.append(node)
