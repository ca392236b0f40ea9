"""Rotate with real numbers where upstream multiplies complex ones.

ONNX has no complex tensors. `torch.view_as_complex` pairs numbers up along the last axis; left out, the pairs stay
where they are, and the product of two complex numbers is written out on the pairs. The rotary table holds pairs as
well.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import Change, PatternRule
from qeff_codegen.engine.rule import Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

PAIRED = pattern("$complex = torch.view_as_complex($pairs)")
AS_COMPLEX, DEVICE = pattern("torch.view_as_complex($_)"), pattern("$of.device")
MOVED, SPREAD = pattern("$of.to(...)"), pattern("$of.unsqueeze($axis)")
NEW_AXIS = pattern("None")
# `(a + bi)(c + di) = (ac - bd) + (ad + bc)i`, on pairs along the last axis.
PRODUCT = Change(
    "torch.view_as_real($x * $y)",
    "torch.stack(($x[..., 0] * $y[..., 0] - $x[..., 1] * $y[..., 1],"
    " $x[..., 0] * $y[..., 1] + $x[..., 1] * $y[..., 0]), dim=-1)",
)


class ComplexRotationMadeReal(PatternRule):
    why = "ONNX has no complex numbers: real and imaginary part stay a pair, and their product is written out."
    roles = (Role.HELPER_FUNCTION,)
    changes = (Change(PAIRED.text, "$complex = $pairs"), PRODUCT)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        products = find_all(PRODUCT.pattern, function.code)
        if not find_all(AS_COMPLEX, function.code):
            return function.code, 0
        if not products or _other_use(function.code):
            raise Unmatched("complex numbers are used in another way", function.code.tree)
        return super().rewrite(function, anatomy)[0], len(products)


def _other_use(code: Code) -> bool:
    """Whether a complex number goes anywhere but into a name, a product that is made real, or a question of device."""
    made = [found["complex"] for found in find_all(PAIRED, code)]
    names = {node.id for node in made if isinstance(node, ast.Name)}
    factors = [item for found in find_all(PRODUCT.pattern, code) for item in (found["x"], found["y"])]
    fine = [item for item in factors if _keeps_pairs(item)]
    loads = (node for node in code.nodes(ast.Name) if isinstance(node.ctx, ast.Load))
    if not len(made) == len(names) == len(find_all(AS_COMPLEX, code)) or len(fine) < len(factors):
        return True
    fine += [found["of"] for found in find_all(DEVICE, code)]
    inside = {node for item in fine for node in ast.walk(item)}
    return any(node.id in names and node not in inside for node in loads)


def _keeps_pairs(value: ast.expr) -> bool:
    """A name, moved, or with axes put in that are counted from the first one: the same for numbers and for pairs."""
    if (moved := match(MOVED, value)) is not None:
        return _keeps_pairs(moved["of"])
    if (spread := match(SPREAD, value)) is not None:
        axis = spread["axis"]
        return isinstance(axis, ast.Constant) and _keeps_pairs(spread["of"])
    if isinstance(value, ast.Subscript):
        axes = value.slice.elts if isinstance(value.slice, ast.Tuple) else [value.slice]
        return _keeps_pairs(value.value) and all(map(_is_whole_or_new, axes))
    return isinstance(value, ast.Name)


def _is_whole_or_new(axis: ast.expr) -> bool:
    is_slice = isinstance(axis, ast.Slice)
    return match(NEW_AXIS, axis) is not None or (is_slice and not any(ast.iter_child_nodes(axis)))
