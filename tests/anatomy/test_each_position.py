"""A rotation computes each position by itself, or what it does is shown."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.anatomy.each_position import depends_on_more

FORWARD = """
def forward(self, x, position_ids):
    freqs = position_ids[..., None].float() * self.inv_freq.to(device=x.device)
    emb = torch.cat((freqs, freqs), dim=-1)
    return emb.cos().to(dtype=x.dtype), emb.sin().to(dtype=x.dtype)
"""
OLDER = """
def forward(self, x, position_ids):
    inverse = self.inv_freq[None, :, None].float().expand(position_ids.shape[0], -1, 1).to(x.device)
    positions = position_ids[:, None, :].float()
    with torch.autocast(device_type=x.device.type, enabled=False):
        freqs = (inverse.float() @ positions.float()).transpose(1, 2)
    return freqs.cos(), freqs.sin()
"""


def found(source: str) -> ast.AST | None:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    return depends_on_more(function)


def test_known_rotations() -> None:
    assert found(FORWARD) is None and found(OLDER) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("position_ids[..., None]", "(position_ids - position_ids[:, :1])[..., None]"),
        ("position_ids[..., None]", "torch.cumsum(input=position_ids, dim=-1)[..., None]"),
        ("position_ids[..., None]", "((p := position_ids) - p.max())[..., None]"),
        ("position_ids[..., None]", "(position_ids * position_ids.shape[1])[..., None]"),
        ("    emb =", "    freqs = freqs + x\n    emb ="),
        ("    emb =", "    freqs = freqs - freqs[:, :1]\n    emb ="),
        ("    emb =", "    self.seen = position_ids\n    emb ="),
        ("    emb =", "    if position_ids.shape[-1] == 1:\n        freqs = freqs * 2\n    emb ="),
        ("dim=-1", "dim=1"),
    ],
)
def test_what_looks_further(old: str, new: str) -> None:
    assert old in FORWARD
    assert found(FORWARD.replace(old, new, 1)) is not None


OF_KINDS = """
def forward(self, x, position_ids):
    if position_ids.ndim == 2:
        position_ids = position_ids[None, ...].expand(3, position_ids.shape[0], -1)
    inverse = self.inv_freq[None, None, :, None].float().expand(3, position_ids.shape[1], -1, 1)
    positions = position_ids[:, :, None, :].float()
    freqs = (inverse.float() @ positions.float()).transpose(2, 3)
    freqs = self.joined(freqs, self.sections)
    return freqs.cos(), freqs.sin()
"""
JOINED = """
def joined(self, freqs, sections):
    first = freqs[0]
    for kind, offset in enumerate((1, 2), start=1):
        features = slice(offset, sections[kind] * 3, 3)
        first[..., features] = freqs[kind, ..., features]
    return first
"""


def found_of_kinds(forward: str, method: str = JOINED) -> ast.AST | None:
    functions = [ast.parse(text).body[0] for text in (forward, method)]
    assert all(isinstance(item, ast.FunctionDef) for item in functions)
    return depends_on_more(functions[0], methods={"joined": functions[1]})  # type: ignore[arg-type, dict-item]


def test_a_position_may_be_taken_for_every_kind() -> None:
    assert found_of_kinds(OF_KINDS) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("position_ids[None, ...].expand(3", "position_ids[None, ...].cumsum(-1).expand(3"),
        ("position_ids.shape[1], -1, 1", "position_ids.shape[2], -1, 1"),
        ("position_ids[:, :, None, :]", "position_ids[:, :, None, ::2]"),
        (".transpose(2, 3)", ".transpose(1, 3)"),
        ("self.joined(freqs, self.sections)", "self.joined(freqs, freqs)"),
        ("self.joined(freqs, self.sections)", "freqs"),
    ],
)
def test_what_looks_further_with_kinds(old: str, new: str) -> None:
    assert old in OF_KINDS
    assert found_of_kinds(OF_KINDS.replace(old, new, 1)) is not None
