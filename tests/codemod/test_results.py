"""What is bound to the result of a call, and how it is bound to something else."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.codemod.calls import rename_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import bind_value, binds, results_of


def body(*lines: str) -> Code:
    return Code("def f(self, a):\n" + "".join(f"    {line}\n" for line in lines))


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("x = g(a)", "y, z = g(a)"),
        ("x: dict[str, int] = (g(a))  # why", "y, z = (g(a))  # why"),
        ("return g(a)", "y, z = g(a)"),
    ],
)
def test_a_value_is_bound_to_other_targets(line: str, after: str) -> None:
    code = body(line)
    statement = code.body[0]
    assert isinstance(statement, ast.Assign | ast.Return)
    edits = Edits(code)
    bind_value(edits, statement, "y, z")
    assert edits.done().text.splitlines()[1] == f"    {after}"


def test_names_that_hold_what_a_function_returns() -> None:
    code = body("x = self.g(a)", "y: int = self.g(x)", "z = self.h(a)", "v, w = self.g(a)")
    assert results_of(["self.g"], code) == {"x", "y"}


def test_what_a_statement_binds() -> None:
    (statement,) = body("for x in a: y, z[0] = x, 1").body
    assert binds(statement, {"y"}) and binds(statement, {"x"})
    assert not binds(statement, {"a", "z"})


def test_a_keyword_gets_another_name_and_what_it_passes_stays() -> None:
    code = body("x = g(cache=cache, past=(cache), **past)")
    edits = Edits(code)
    rename_keywords(edits, code.nodes(ast.Call)[0], "past", "cached")
    assert edits.done().text.splitlines()[1] == "    x = g(cache=cache, cached=(cache), **past)"


def test_what_stands_above_a_statement_is_replaced() -> None:
    code = body("x = 1", "", "# why", "return x")
    edits = Edits(code)
    assert edits.above(code.body[1]) == ["", "# why"]
    edits.replace_above(code.body[1], ["if x:", "    x = 2", "", "# so"])
    assert edits.done().text.splitlines()[2:] == ["    if x:", "        x = 2", "", "    # so", "    return x"]
