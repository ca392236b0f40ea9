"""The one form in which trees are read: annotated assignments are assignments, at their own place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from qeff_codegen.codemod.tree import parse, walk

PLACED = """
class A:
    size: int = 3

    def forward(self, x):
        if x:
            y: object = (
                1
            )
        else:
            with x as z:
                y: "B" = 2
        try:
            (w): int = 3
        except ValueError:
            w: int = 4
        finally:
            v: int = 5
        match x:
            case 1:
                u: int = 6
"""
KEPT = ["x: int", "self.x: int = 1", "x[0]: int = 1"]


def test_annotated_assignments_are_assignments() -> None:
    found = [node for node in ast.walk(parse(PLACED)) if isinstance(node, (ast.Assign, ast.AnnAssign))]
    texts = {ast.unparse(node) for node in found}
    assert texts == {"size = 3", "y = 1", "y = 2", "w = 3", "w = 4", "v = 5", "u = 6"}


def test_they_stand_where_they_stood() -> None:
    def places(tree: ast.Module) -> list[tuple[int, int, int | None, int | None]]:
        statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        return [(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) for node in statements]

    assert places(parse(PLACED)) == places(ast.parse(PLACED))


@pytest.mark.parametrize("statement", KEPT)
def test_others_stay_what_they_are(statement: str) -> None:
    assert ast.dump(parse(statement)) == ast.dump(ast.parse(statement))


def test_anything_else_is_as_python_reads_it() -> None:
    source = Path(__file__).read_text("utf-8").replace(": object = (", " = (")
    assert ast.dump(parse(source), include_attributes=True) == ast.dump(ast.parse(source), include_attributes=True)


def test_walks_in_the_order_of_ast_without_operators_and_contexts() -> None:
    tree = parse(Path(__file__).read_text("utf-8") + PLACED)
    left_out = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
    assert walk(tree) == [node for node in ast.walk(tree) if not isinstance(node, left_out)]
