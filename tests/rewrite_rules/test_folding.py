"""Conditions fold through not, and, or, conditional expressions and if/elif/else; nothing else is decided."""

from __future__ import annotations

import libcst as cst
import pytest

from rewrite_rules._folding import fold, none_comparison


def truth(expression: cst.BaseExpression) -> bool | None:
    if isinstance(expression, cst.Name) and expression.value in ("yes", "no"):
        return expression.value == "yes"
    return none_comparison(expression, {"nothing"})


def folded(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    function = cst.ensure_type(cst.parse_statement(f"def f():\n{lines}"), cst.FunctionDef)
    text = cst.Module([fold(function, truth)[0]]).code
    return "\n".join(line.removeprefix("    ") for line in text.splitlines()[1:])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = a if yes else b", "x = a"),
        ("x = a if no else b", "x = b"),
        ("x = a if not (c and no) else b", "x = a"),
        ("x = a if c else b", "x = a if c else b"),
        ("x = a if yes and c else b", "x = a if c else b"),
        ("x = a if no or c else b", "x = a if c else b"),
        ("x = a if yes or c else b", "x = a"),
        ("x = a if nothing is None else b", "x = a"),
        ("x = a if nothing is not None else b", "x = b"),
        ("x = a if nothing == None else b", "x = a if nothing == None else b"),
        ("if no:\n    x = 1\ny = 2", "y = 2"),
        ("if yes:\n    x = 1\nelse:\n    x = 2", "x = 1"),
        ("if no:\n    x = 1\nelse:\n    x = 2", "x = 2"),
        ("if no:\n    x = 1\nelif c:\n    x = 2\nelse:\n    x = 3", "if c:\n    x = 2\nelse:\n    x = 3"),
        ("if c:\n    x = 1\nelif no:\n    x = 2\nelse:\n    x = 3", "if c:\n    x = 1\nelse:\n    x = 3"),
        ("if c:\n    x = 1\nelif yes:\n    x = 2\nelse:\n    x = 3", "if c:\n    x = 1\nelse:\n    x = 2"),
        ("if c:\n    if no:\n        x = 1\ny = 2", "y = 2"),
        ("# why\nif yes:\n    x = 1", "# why\nx = 1"),
    ],
)
def test_fold(before: str, after: str) -> None:
    assert folded(before) == after


def test_nothing_decided_gives_the_function_itself() -> None:
    function = cst.ensure_type(cst.parse_statement("def f():\n    return a if c else b\n"), cst.FunctionDef)
    assert fold(function, truth) == (function, 0)
