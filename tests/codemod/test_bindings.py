"""Every way of binding a name is seen, and a value only where it is written out."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.codemod.bindings import bindings
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import NameTaken, rename


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("a = v", "v"),
        ("a: T = v", "v"),
        ("b, a = 1, v", "v"),
        ("f((a := v))", "v"),
        ("a += v", None),
        ("b, a = v", None),
        ("b, *a = 1, v", None),
        ("for a in v: pass", None),
        ("with v as a: pass", None),
        ("[a for a in v]", None),
        ("del a", None),
        ("import v as a", None),
        ("def a(): pass", None),
        ("try: pass\nexcept E as a: pass", None),
        ("match v:\n    case [a]: pass", None),
    ],
)
def test_every_binding_is_seen(statement: str, value: str | None) -> None:
    found = [item for item in bindings(Code(f"def f(v):\n{_indented(statement)}\n").tree) if item.name == "a"]
    assert [None if item.value is None else ast.unparse(item.value) for item in found] == [value]


def test_a_new_name_must_be_free() -> None:
    code = Code("def f(a, b):\n    return a + b\n")
    with pytest.raises(NameTaken):
        rename(Edits(code), "a", "b")
    edits = Edits(code)
    rename(edits, "a", "c")
    assert edits.done().text == "def f(c, b):\n    return c + b\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
