"""Entries of dictionaries that are written down."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.codemod.calls import drop_entry
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits


@pytest.mark.parametrize(
    ("before", "index", "after"),
    [
        ('{"a": x, "b": (y), **z}', 0, '{"b": (y), **z}'),
        ('{"a": x, "b": (y), **z}', 1, '{"a": x, **z}'),
        ('{"a": x, "b": (y)}', 1, '{"a": x}'),
        ('{"a": x, "b": (y),}', 1, '{"a": x,}'),
        ('{"a": x,}', 0, "{}"),
    ],
)
def test_an_entry_is_dropped_with_its_comma(before: str, index: int, after: str) -> None:
    edits = Edits(Code(f"def forward(self):\n    return {before}\n"))
    drop_entry(edits, edits.code.nodes(ast.Dict)[0], index)
    assert edits.done().text == f"def forward(self):\n    return {after}\n"
