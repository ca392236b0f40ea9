"""Write the sum of scores and mask as one where upstream adds the mask in place.

`scores += mask` and `scores = scores + mask` are the same numbers; later rules see one spelling. The mask is the one
that attention is given, or a slice of it by a name of its own.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, only_statement, source


class MaskAddedApart(Rule):
    why = "A sum in place and a sum by name are the same numbers; later rules see one spelling."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    words = ("+=",)
    construct = "`<scores> += <mask>`, the mask being what attention is given, or a slice of it"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        mask = anatomy.mask_parameters.get(function.qualified_name)
        if mask is None:
            return function.node, 0
        adder = _AddApart(mask)
        node = cst.ensure_type(function.node.visit(adder), cst.FunctionDef)
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
