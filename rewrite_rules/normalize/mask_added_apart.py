"""Write the sum of scores and mask as one where upstream adds the mask in place.

`scores += mask` and `scores = scores + mask` are the same numbers; later rules see one spelling. The mask is the one
that attention is given, or a slice of it by a name of its own. A slice to the number of keys, which the generated mask
has, is not taken where it shares its name with something else.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._functions import values_of
from rewrite_rules._matching import assigned_name, line_of, only_statement, source, tree_of


class MaskAddedApart(Rule):
    why = "A sum in place and a sum by name are the same numbers; later rules see one spelling."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    words = ("+=", "[:, :, :, :")
    construct = "`<scores> += <mask>`, the mask being what attention is given, or a slice of it"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        mask = anatomy.mask_parameters.get(function.qualified_name)
        if mask is None:
            return function.node, 0
        adder = _AddApart(mask)
        node = cst.ensure_type(function.node.visit(adder), cst.FunctionDef)
        unslicer = _Unslice(mask, _bound_twice(node))
        node = cst.ensure_type(node.visit(unslicer), cst.FunctionDef)
        adder.count += unslicer.count
        return (node, adder.count) if adder.count else (function.node, 0)


class _AddApart(cst.CSTTransformer):
    def __init__(self, mask: str) -> None:
        self.masks = {mask}
        self.count = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and isinstance(assigned[1], cst.Subscript) and source(assigned[1].value) in self.masks:
            self.masks.add(assigned[0])

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        added = only_statement(updated_node)
        if not isinstance(added, cst.AugAssign) or not isinstance(added.operator, cst.AddAssign):
            return updated_node
        if not isinstance(added.target, cst.Name) or source(added.value) not in self.masks:
            return updated_node
        self.count += 1
        total = cst.parse_expression(f"{added.target.value} + {source(added.value)}")
        return updated_node.with_changes(body=[cst.Assign([cst.AssignTarget(added.target)], total)])


def _bound_twice(function: cst.FunctionDef) -> set[str]:
    names = [node.id for node in ast.walk(tree_of(function)) if isinstance(node, ast.Name)]
    tree = tree_of(function)
    return {name for name in names if len(values_of(name, tree)) > 1}


class _Unslice(cst.CSTTransformer):
    """Add the mask itself where its slice, named on the line before, has the name of something else too."""

    def __init__(self, mask: str, names: set[str]) -> None:
        self.mask = mask
        self.names = names
        self.count = 0

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock) -> cst.BaseSuite:
        body = list(updated_node.body)
        if len(body) != 2:
            return updated_node
        sliced, added = assigned_name(body[0]), assigned_name(body[1])
        if sliced is None or added is None or sliced[0] not in self.names:
            return updated_node
        whole = re.fullmatch(rf"{self.mask}\[:, :, :, : ?\w+\.shape\[-2\]\]", source(sliced[1]))
        if whole is None or source(added[1]) != f"{added[0]} + {sliced[0]}":
            return updated_node
        self.count += 1
        return updated_node.with_changes(body=[line_of(f"{added[0]} = {added[0]} + {self.mask}", body[0])])
