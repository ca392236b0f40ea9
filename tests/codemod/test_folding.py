"""Conditions fold through not, and, or, conditional expressions and if/elif/else; nothing else is decided."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.folding import fold, none_comparison


def truth(expression: ast.expr) -> bool | None:
    if isinstance(expression, ast.Name) and expression.id in ("yes", "no"):
        return expression.id == "yes"
    return none_comparison(expression, {"nothing"})


def folded(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = fold(Code(f"def f():\n{lines}"), truth)[0].text
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
        ("x = a if (c or no or d) and e else b", "x = a if (c or d) and e else b"),
        ("x = a if not (c or no or d) else b", "x = a if not (c or d) else b"),
        ("x = a if c and yes and d or e else b", "x = a if c and d or e else b"),
        ("if (n := c) and no:\n    x = n", "if (n := c) and no:\n    x = n"),
        ('if c:\n    if yes:\n        x = """a\nb"""\n        y = 1', 'if c:\n    x = """a\nb"""\n    y = 1'),
        ("x = (a if no else not b) + 1", "x = (not b) + 1"),
        ("x = (a if no else -b) ** 2", "x = (-b) ** 2"),
        ("x = (a if no else (b + c) * (d + e)).y", "x = ((b + c) * (d + e)).y"),
        ("x = lambda: (a if no else (b, c))", "x = lambda: (b, c)"),
        ("x = (a if no else b\n+ c)", "x = (b\n+ c)"),
        ("x = f(a if no else b\n+ c)", "x = f(b\n+ c)"),
        ("x = a if nothing is not None else b", "x = b"),
        ("x = a if nothing == None else b", "x = a if nothing == None else b"),
        ("if no:\n    x = 1\ny = 2", "y = 2"),
        ("if c:\n    x = 1\n    if no:\n        x = 2", "if c:\n    x = 1"),
        ("if yes:\n    x = 1\nelse:\n    x = 2", "x = 1"),
        ("if no:\n    x = 1\nelse:\n    x = 2", "x = 2"),
        ("if no:\n    x = 1\nelif c:\n    x = 2\nelse:\n    x = 3", "if c:\n    x = 2\nelse:\n    x = 3"),
        ("if c:\n    x = 1\nelif no:\n    x = 2\nelse:\n    x = 3", "if c:\n    x = 1\nelse:\n    x = 3"),
        ("if c:\n    x = 1\nelif yes:\n    x = 2\nelse:\n    x = 3", "if c:\n    x = 1\nelse:\n    x = 2"),
        ("if c:\n    if no:\n        x = 1\ny = 2", "y = 2"),
        ("# why\nif yes:\n    x = 1", "# why\nx = 1"),
        ("# why\nif yes:\n    # in\n    x = (\n        3\n    )", "# why\n# in\nx = (\n    3\n)"),
        ("if c and (a if yes else b):\n    x = '''a\n  b'''", "if c and a:\n    x = '''a\n  b'''"),
        # A branch with nothing left in it still keeps the others from running.
        ("if c:\n    if no:\n        x = 1\nelse:\n    x = 2", "if c:\n    pass\nelse:\n    x = 2"),
        ("if d:\n    y = 1\nelif c:\n    if no:\n        x = 1\ny = 2", "if d:\n    y = 1\ny = 2"),
        ("for i in y:\n    if no:\n        x = 1", "for i in y:\n    pass"),
        (
            "if no:\n    x = 1\n# why\nelif c:\n    x = 2\n# or\nelse:\n    x = 3",
            "if c:\n    x = 2\n# or\nelse:\n    x = 3",
        ),
        ("if c:\n    x = 1\n# why\nelif d and yes:\n    x = 2", "if c:\n    x = 1\n# why\nelif d:\n    x = 2"),
    ],
)
def test_fold(before: str, after: str) -> None:
    assert folded(before) == after


def test_nothing_decided_gives_the_function_itself() -> None:
    code = Code("def f():\n    return a if c else b\n")
    assert fold(code, truth) == (code, 0)
