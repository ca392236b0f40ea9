"""Which attention functions may be computed over one block of keys after the other."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.anatomy.key_blocks import softmax_statement
from qeff_codegen.codemod.tree import parse

EAGER = '''
def eager_attention_forward(module, query, key, value, attention_mask, scaling=None, softcap=None):
    """Attend."""
    if scaling is None:
        scaling = query.size(-1) ** -0.5
    key_states = repeat_kv(key, module.num_key_value_groups)
    value_states = repeat_kv(value, module.num_key_value_groups)
    attn_weights = torch.matmul(query, key_states.transpose(2, 3)) * scaling
    if softcap is not None:
        attn_weights = attn_weights / softcap
        attn_weights = torch.tanh(attn_weights)
        attn_weights = attn_weights * softcap
    if attention_mask is not None:
        attn_weights = attn_weights + attention_mask
    attn_weights = nn.functional.softmax(attn_weights, dim=-1, dtype=torch.float32).to(query.dtype)
    attn_output = torch.matmul(attn_weights, value_states)
    attn_output = attn_output.transpose(1, 2).contiguous()
    return attn_output, attn_weights
'''
SOFTMAX = "nn.functional.softmax(attn_weights, dim=-1, dtype=torch.float32).to(query.dtype)"
MASKED = "attn_weights + attention_mask"
SAME = [
    ("", ""),
    ("attn_weights = torch", "attn_weights: torch.Tensor = torch"),
    ("(2, 3)", "(\n        -1, -2\n    )"),
    ("matmul(query, key_states", "matmul(query.float(), key_states.to(torch.float32)"),
    (MASKED, "torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, attn_weights)"),
    (SOFTMAX, "torch.softmax(attn_weights, dim=-1)\n    attn_weights = attn_weights.type(value.dtype)"),
    ("matmul(attn_weights,", "matmul(attn_weights.to(value.dtype),"),
    ("query.size(-1) **", "module.head_dim **"),
]
OTHER = [
    (SOFTMAX, SOFTMAX.replace("dim=-1", "dim=1")),
    (SOFTMAX, f"{SOFTMAX}\n    attn_weights = {SOFTMAX}"),
    (MASKED, "torch.cat([attn_weights, sinks], dim=-1)"),
    ("(2, 3)", "(1, 2)"),
    ("key_states.transpose", "key_states.cumsum(1).transpose"),
    ("matmul(attn_weights, value_states)", "matmul(attn_weights, value_states.cumsum(2))"),
    ("torch.tanh(attn_weights)", "torch.cumsum(attn_weights, -1)"),
    ("    attn_output = torch", "    attn_weights = attn_weights[..., :-1]\n    attn_output = torch"),
    ("return attn_output, attn_weights", "return attn_weights, attn_output"),
    ("** -0.5", "** -1"),
]


def found(old: str, new: str) -> tuple[int, str] | None:
    assert old in EAGER
    function = parse(EAGER.replace(old, new)).body[0]
    assert isinstance(function, ast.FunctionDef)
    return softmax_statement(function)


@pytest.mark.parametrize(("old", "new"), SAME)
def test_scores_of_single_keys_and_one_product(old: str, new: str) -> None:
    assert found(old, new) == (7, "attn_weights")


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_anything_else_reads_all_keys_at_once(old: str, new: str) -> None:
    assert found(old, new) is None
