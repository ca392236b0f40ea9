"""Buffers are found however they are registered."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.anatomy.buffers import buffers_of


@pytest.mark.parametrize(
    ("statement", "persistent"),
    [
        ("self.register_buffer('mask', torch.ones(2))", True),
        ("self.register_buffer('mask', torch.ones(2), persistent=False)", False),
        ("self.register_buffer('mask', torch.ones(2), False)", False),
        ("self.mask = nn.Buffer(torch.ones(2))", True),
        ("self.mask = nn.Buffer(torch.ones(2), persistent=False)", False),
        ("self.mask = torch.nn.Buffer(torch.ones(2), persistent=True)", True),
    ],
)
def test_finds_a_buffer(statement: str, persistent: bool) -> None:
    (found,) = buffers_of(ast.parse(statement))
    assert (found.name, ast.unparse(found.value), found.persistent) == ("mask", "torch.ones(2)", persistent)


@pytest.mark.parametrize(
    "statement", ["self.mask = torch.ones(2)", "self.register_buffer(name, torch.ones(2))", "mask = nn.Buffer(ones)"]
)
def test_finds_no_buffer(statement: str) -> None:
    assert list(buffers_of(ast.parse(statement))) == []
