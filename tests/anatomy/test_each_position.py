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
