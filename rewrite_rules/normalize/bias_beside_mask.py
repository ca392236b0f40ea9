"""Hand a bias on beside the mask that upstream has merged it into.

The mask is boolean in the graph and nothing is computed with it, so a bias that upstream writes into its mask, to add
both at once, travels as an argument of its own and is added where the mask is.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import (
    assigned_name,
    names_read,
    parameter_names,
    source,
    spelled,
    statements_of,
    tree_of,
    with_keywords,
    with_parameters,
)

BIAS = "mask_bias"
FUSED = "scaled_dot_product_attention"
MERGED = re.compile(r"(?P<mask>\w+) = torch\.masked_fill\((?P<bias>.+), (?P=mask) < -1, (?P<least>\w+)\)")


class BiasBesideMask(Rule):
    why = "The mask is boolean, so a bias that upstream writes into it is handed on and added by itself."
    roles = (Role.MODEL, Role.DECODER_LAYER, Role.ATTENTION)
    construct = "`<mask> = torch.masked_fill(<bias>, <mask> < -1, <least>)` in a branch on the mask's form"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward or _merged_mask(anatomy) is None:
            return function.node, 0
        node = function.node
        if BIAS in names_read(node) | set(parameter_names(node)):
            raise Unmatched(f"`{BIAS}` is a name for something else here", node.params)
        if function.role is not Role.MODEL:
            node = with_parameters(node, {BIAS: "torch.Tensor | None"})
        separator = _Separate(_merged_mask(anatomy) or "", set(anatomy.callees(function.role)), function.role)
        node = cst.ensure_type(node.visit(separator), cst.FunctionDef)
        if not separator.count or (function.role is Role.ATTENTION and separator.count != _uses(function.node)):
            raise Unmatched("the mask that a bias was merged into is used in another way", function.node.params)
        return node, separator.count


def _merged_mask(anatomy: Anatomy) -> str | None:
    """The name of the mask that the model merges a bias into."""
    for node in ast.walk(anatomy.model.forward):
        match = MERGED.fullmatch(ast.unparse(node)) if isinstance(node, ast.Assign) else None
        if match is not None:
            return match.group("mask")
    return None


def _uses(function: cst.FunctionDef) -> int:
    """How often a function reads the values of its mask; a fused kernel, which the export never calls, aside."""
    tree = tree_of(function)
    other = {
        id(item)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "None")
        or (isinstance(node, ast.Attribute) and node.attr == "shape")
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(FUSED))
        for item in ast.walk(node)
    }
    return sum(
        isinstance(node, ast.Name) and node.id == MASK and isinstance(node.ctx, ast.Load) and id(node) not in other
        for node in ast.walk(tree)
    )


class _Separate(cst.CSTTransformer):
    def __init__(self, mask: str, callees: set[str], role: Role) -> None:
        self.mask = mask
        self.callees = callees
        self.role = role
        self.count = 0

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.FlattenSentinel[cst.BaseStatement]:
        merged = [item for item in statements_of(original_node.body) if MERGED.fullmatch(_text(item))]
        if self.role is not Role.MODEL or not merged:
            return updated_node
        body = statements_of(updated_node.body)
        match = MERGED.fullmatch(_text(body[-1]))
        test = _without_form(updated_node.test, self.mask)
        if match is None or test is None or updated_node.orelse is not None:
            raise Unmatched("a bias is merged into the mask under a condition that is not understood", original_node)
        kept = [item for item in body[:-1] if not self._is_about_form(item, match.group("least"))]
        stray = next((item for item in kept if self.mask in names_read(item)), None)
        if stray is not None:
            raise Unmatched("the mask that a bias is merged into is computed with", stray)
        bias = cst.parse_statement(f"{BIAS} = {match.group('bias')}")
        none = cst.ensure_type(cst.parse_statement(f"{BIAS} = None"), cst.SimpleStatementLine)
        branch = updated_node.with_changes(
            test=test, body=updated_node.body.with_changes(body=_without_gap([*kept, bias])), leading_lines=[]
        )
        return cst.FlattenSentinel([none.with_changes(leading_lines=updated_node.leading_lines), branch])

    def _is_about_form(self, item: cst.BaseStatement, least: str) -> bool:
        """Whether a statement only names the least number, or brings a boolean mask into the form of a number."""
        assigned = assigned_name(item)
        if assigned is not None and assigned[0] == least:
            if re.fullmatch(r"torch\.finfo\([\w.]+\)\.min", source(assigned[1])) is None:
                raise Unmatched(f"`{least}`, which stands for the mask, is not the least number", item)
            return True
        return (
            isinstance(item, cst.If)
            and item.orelse is None
            and source(item.test) == f"{self.mask}.dtype == torch.bool"
            and [(assigned_name(inner) or ("",))[0] for inner in statements_of(item.body)] == [self.mask]
        )

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if spelled(original_node.func) not in self.callees:
            return updated_node
        self.count += 1
        return with_keywords(updated_node, {BIAS: BIAS})

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BaseExpression:
        sides = [source(updated_node.left), source(updated_node.right)]
        if self.role is not Role.ATTENTION or not isinstance(updated_node.operator, cst.Add) or MASK not in sides:
            return updated_node
        self.count += 1
        sides.remove(MASK)
        scores = sides[0]
        return cst.parse_expression(f"({scores} if {BIAS} is None else {scores} + {BIAS}) + {MASK}")


def _text(item: cst.BaseStatement) -> str:
    return ast.unparse(ast.parse(source(item).strip()))


def _without_form(test: cst.BaseExpression, mask: str) -> cst.BaseExpression | None:
    """A conjunction without the questions whether the mask is there and has four dimensions."""
    terms = []
    while isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        terms.append(test.right)
        test = test.left
    kept = [item for item in (*terms, test) if source(item) not in (f"{mask} is not None", f"{mask}.ndim == 4")]
    return kept[0] if len(kept) == 1 and mask not in names_read(kept[0]) else None


def _without_gap(body: list[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """The statements without the blank lines and comments above the first one."""
    first = body[0]
    return [first.with_changes(leading_lines=[]), *body[1:]] if isinstance(first, cst.SimpleStatementLine) else body
