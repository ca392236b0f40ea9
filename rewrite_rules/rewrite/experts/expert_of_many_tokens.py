"""Let the module that computes one expert compute the experts of many tokens at once.

Its weights arrive with axes for token and choice in front. Products, activations and products by element do not mind;
transposing does, and means the last two axes.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.rows import EachRow
from rewrite_rules.vocabulary import pattern

TRANSPOSED = pattern("{$weight.t(), $weight.T}")
LAST_AXES = "$weight.transpose(-1, -2)"
PRODUCT = pattern("$rows.matmul($weight)")
MODULE = pattern("$module($rows)")


class ExpertOfManyTokens(Rule):
    why = "Weights are gathered for every token and choice, so a transposed one is transposed in its last two axes."
    roles = (Role.EXPERT,)
    expect = Expect.AT_LEAST_ONE
    construct = (
        f"a forward of `<name> = ...` with `{PRODUCT}`, activations, products by element and parameters that are "
        f"transposed, `{TRANSPOSED}`, alone"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        rows = EachRow(anatomy.file.classes[function.owner or ""])
        for statement in code.body:
            if not _is_by_element(statement, code, rows):
                raise Unmatched("an expert computes something that may depend on the number of axes", statement)
        edits = Edits(code)
        for found in find_all(TRANSPOSED, code):
            make(edits, found, LAST_AXES)
        return edits.done(), 1


def _is_by_element(statement: ast.stmt, code: Code, rows: EachRow) -> bool:
    if isinstance(statement, ast.Return):
        return isinstance(statement.value, ast.Name)
    return isinstance(statement, ast.Assign) and _is_known(statement.value, code, rows)


def _is_known(value: ast.expr, code: Code, rows: EachRow) -> bool:
    if isinstance(value, ast.Name):
        return True
    if isinstance(value, ast.BinOp):
        sides = (value.left, value.right)
        return isinstance(value.op, ast.Mult) and all(_is_known(side, code, rows) for side in sides)
    if (found := match(TRANSPOSED, value)) is not None:
        return isinstance(found["weight"], ast.Name) and found["weight"].id in code.parameters
    if (found := match(PRODUCT, value)) is not None:
        return isinstance(found["rows"], ast.Name) and _is_known(found["weight"], code, rows)
    if (found := match(MODULE, value)) is not None:
        attribute = self_attribute(found["module"])
        return attribute is not None and rows.keeps_rows(attribute) and _is_known(found["rows"], code, rows)
    return False
