"""The small questions and edits that rules share."""

from __future__ import annotations

import libcst as cst
import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.upstream.source import UpstreamModel
from rewrite_rules import _matching as matching


def function(text: str) -> cst.FunctionDef:
    return cst.ensure_type(cst.parse_statement(text), cst.FunctionDef)


def text(node: cst.FunctionDef) -> str:
    return cst.Module([node]).code


def call(expression: str) -> cst.Call:
    return cst.ensure_type(cst.parse_expression(expression), cst.Call)


def test_spelled_reads_as_ast_does() -> None:
    assert matching.spelled(cst.parse_expression("self.layers[ : self.config.n]")) == "self.layers[:self.config.n]"
    assert matching.spelled(cst.parse_expression("(a\n  .b)")) == "a.b"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x = f(y)\n", ("x", "f(y)")),
        ("x: T = 1\n", ("x", "1")),
        ("x: T\n", None),
        ("x = y = 1\n", None),
        ("f()\n", None),
    ],
)
def test_assigned_name(line: str, found: tuple[str, str] | None) -> None:
    assigned = matching.assigned_name(cst.ensure_type(cst.parse_statement(line), cst.SimpleStatementLine))
    assert (assigned and (assigned[0], matching.source(assigned[1]))) == found


def test_names_read_and_loaded() -> None:
    node = function("def f(a):\n    b = g(a, key=c)\n    return d.e\n")
    assert matching.names_read(node) == {"a", "b", "c", "d", "g"}
    assert matching.names_loaded(node) == {"a", "c", "d", "g"}


def test_parameters_are_added_in_the_layout_that_is_there() -> None:
    added = {"a": "int", "new": "int | None"}
    assert text(matching.with_parameters(function("def f(a, **kwargs): ...\n"), added)) == (
        "def f(a, new: int | None = None, **kwargs): ...\n"
    )
    spread = "def f(\n    a,\n    b=1,  # why\n    **kwargs,\n): ...\n"
    assert text(matching.with_parameters(function(spread), added)) == (
        "def f(\n    a,\n    b=1,  # why\n    new: int | None = None,\n    **kwargs,\n): ...\n"
    )
    last = "def f(\n    a,\n    b=1,\n): ...\n"
    assert text(matching.with_parameters(function(last), added)) == (
        "def f(\n    a,\n    b=1,\n    new: int | None = None,\n): ...\n"
    )


def test_parameters_are_dropped() -> None:
    for gone, left in ((["b", "c"], ("a",)), (["b"], ("a", "c")), (["x"], ("a", "b", "c"))):
        node = matching.without_parameters(function("def f(a, b=1, *, c=2): ...\n"), gone)
        assert matching.parameter_names(function(text(node))) == left


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, **kwargs)", "f(a, new=x, **kwargs)"),
        ("f(a)", "f(a, new=x)"),
        ("f(\n    a,\n    **kwargs,\n)", "f(\n    a,\n    new=x,\n    **kwargs,\n)"),
        ("f(\n    a,\n    b=b,\n)", "f(\n    a,\n    b=b,\n    new=x,\n)"),
    ],
)
def test_keywords_are_added_before_spread_ones(before: str, after: str) -> None:
    assert matching.source(matching.with_keywords(call(before), {"new": "x"})) == after


def test_keywords_are_dropped() -> None:
    assert matching.source(matching.without_keywords(call("f(a, b=b, c=c)"), ["b"])) == "f(a, c=c)"


def test_assignments_are_dropped() -> None:
    node = matching.without_assignments(function("def f():\n    a = 1\n    b = 2\n    return b\n"), {"a"})
    assert text(node) == "def f():\n    b = 2\n    return b\n"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("m = f()\n    m = g()\n    return m", "m = g()\n    return m"),
        ("m = f()\n    m = g(m)\n    return m", "m = f()\n    m = g(m)\n    return m"),
        ("m = f()\n    if x:\n        use(m)\n    m = g()", "m = f()\n    if x:\n        use(m)\n    m = g()"),
    ],
)
def test_overwritten_assignments_are_dropped(body: str, kept: str) -> None:
    node = matching.without_overwritten(function(f"def f():\n    {body}\n"), "m")
    assert text(node) == f"def f():\n    {kept}\n"


def test_modules_made_by_one_constructor_only() -> None:
    source = (
        "class A(nn.Module):\n    def __init__(self, config):\n"
        "        self.drop = nn.Dropout(0.1)\n        self.other = nn.Linear(1, 1)\n"
        "        self.either = nn.Dropout(0.1) if config.x else None\n        self.twice = nn.Dropout(0.1)\n"
        "        self.twice = nn.Identity()\n"
    )
    cls = read_modeling_file(UpstreamModel("a", "a.py", "a", source)).classes["A"]
    assert matching.modules_made_by(cls, "Dropout") == {"self.drop"}
