"""Decide the questions whether two tensors are on the same device: in an exported graph there is one.

Upstream moves tables to the device of a call, and keeps the moved table on `self`, which a graph cannot do.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold


class OneDevice(Rule):
    why = "The whole graph runs on one device, so nothing is moved, and nothing moved is kept."
    roles = CALL_PATH
    construct = "`<tensor>.device != <tensor>.device`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        return fold(function.node, _compares_devices)


def _compares_devices(test: cst.BaseExpression) -> bool | None:
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
        return None
    comparison = test.comparisons[0]
    if not _is_device(test.left) or not _is_device(comparison.comparator):
        return None
    if isinstance(comparison.operator, cst.Equal):
        return True
    return False if isinstance(comparison.operator, cst.NotEqual) else None


def _is_device(expression: cst.BaseExpression) -> bool:
    return isinstance(expression, cst.Attribute) and expression.attr.value == "device"
