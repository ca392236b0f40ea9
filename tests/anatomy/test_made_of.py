"""What a function's results are made of is followed through its statements."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.anatomy.made_of import made_of


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a, b", [{"a"}, {"b"}]),
        ("c = a + b\n    return c, a", [{"a", "b"}, {"a"}]),
        ("a = b\n    return a, a", [{"b"}, {"b"}]),
        ("c, d = a.split(2)\n    return c, d", [{"a"}, {"a"}]),
        ("size = a.shape\n    return b.view(size), a.new_empty(size)", [{"b"}, set()]),
        ("c = a.new_empty(2)\n    c[0].copy_(b)\n    return c, a", [{"b"}, {"a"}]),
        ("c = a\n    c += b\n    return c, a", [{"a", "b"}, {"a"}]),
        ("c = a\n    if flag:\n        c = b\n    return c, a", [{"a", "b"}, {"a"}]),
    ],
)
def test_follows(body: str, expected: list[set[str]]) -> None:
    (function,) = ast.parse(f"def expand(a, b):\n    {body}").body
    assert isinstance(function, ast.FunctionDef)
    assert made_of(function) == expected


@pytest.mark.parametrize("body", ["return a", "if a:\n        return a, b\n    return b, a", "c = a"])
def test_gives_up(body: str) -> None:
    (function,) = ast.parse(f"def expand(a, b):\n    {body}").body
    assert isinstance(function, ast.FunctionDef)
    assert made_of(function) is None
