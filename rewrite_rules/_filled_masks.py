"""The two methods with which older files fill in a causal mask, word for word."""

from __future__ import annotations

import ast

import libcst as cst

from rewrite_rules._folding import fold
from rewrite_rules._implementation import is_eager

FILLED_BY = "_prepare_4d_causal_attention_mask_with_cache_position"
# What the first method may consist of, once other implementations are left out: which length the context has, and
# the call of the second. A cache of a fixed size has its own length, and so has the one that is generated.
CHOOSES_LENGTH = """
past_seen_tokens = past_key_values.get_seq_length() if past_key_values is not None else 0
using_compilable_cache = past_key_values.is_compileable if past_key_values is not None else False
using_static_cache = isinstance(past_key_values, StaticCache)
dtype = input_tensor.dtype
dtype, device = input_tensor.dtype, input_tensor.device
min_dtype = torch.finfo(dtype).min
sequence_length = input_tensor.shape[1]
if using_compilable_cache:
    target_length = past_key_values.get_max_cache_shape()
else:
    target_length = (
        attention_mask.shape[-1]
        if isinstance(attention_mask, torch.Tensor)
        else past_seen_tokens + sequence_length + 1
    )
if using_static_cache:
    target_length = past_key_values.get_max_cache_shape()
else:
    target_length = (
        attention_mask.shape[-1]
        if isinstance(attention_mask, torch.Tensor)
        else past_seen_tokens + sequence_length + 1
    )
causal_mask = self._prepare_4d_causal_attention_mask_with_cache_position(
    attention_mask,
    sequence_length=sequence_length,
    target_length=target_length,
    dtype=dtype,
    cache_position=cache_position,
    batch_size=input_tensor.shape[0],
)
causal_mask = self._prepare_4d_causal_attention_mask_with_cache_position(
    attention_mask,
    sequence_length=sequence_length,
    target_length=target_length,
    dtype=dtype,
    device=device,
    cache_position=cache_position,
    batch_size=input_tensor.shape[0],
)
return causal_mask
"""
# All of the second method: a 4D mask is handed on, a later slot is masked, and so is a pad.
FILLS_TRIANGLE = """
if attention_mask is not None and attention_mask.dim() == 4:
    causal_mask = attention_mask
else:
    min_dtype = torch.finfo(dtype).min
    causal_mask = torch.full((sequence_length, target_length), fill_value=min_dtype, dtype=dtype, device=device)
    if sequence_length != 1:
        causal_mask = torch.triu(causal_mask, diagonal=1)
    causal_mask *= torch.arange(target_length, device=device) > cache_position.reshape(-1, 1)
    causal_mask = causal_mask[None, None, :, :].expand(batch_size, 1, -1, -1)
    if attention_mask is not None:
        causal_mask = causal_mask.clone()
        mask_length = attention_mask.shape[-1]
        padding_mask = causal_mask[:, :, :, :mask_length] + attention_mask[:, None, None, :]
        padding_mask = padding_mask == 0
        causal_mask[:, :, :, :mask_length] = causal_mask[:, :, :, :mask_length].masked_fill(padding_mask, min_dtype)
return causal_mask
"""
ELSEWHERE = {"cache_position.device": "device", ".to(causal_mask.device)": ""}


def chooses_length(method: ast.FunctionDef) -> bool:
    """Whether a method, for the eager implementation, chooses the context's length and does no more."""
    node = cst.ensure_type(cst.parse_statement(ast.unparse(method)), cst.FunctionDef)
    statements = _statements(fold(node, _answer)[0])
    known = _statements(CHOOSES_LENGTH)
    return all(item in known for item in statements) and statements[-1:] == ["return causal_mask"]


def fills_triangle(method: ast.FunctionDef) -> bool:
    """Whether a method fills in a causal mask, and does no more."""
    text = ast.unparse(method)
    for there, here in ELSEWHERE.items():
        text = text.replace(there, here)
    return _statements(text) == _statements(FILLS_TRIANGLE)


def _answer(test: cst.BaseExpression) -> bool | None:
    training = isinstance(test, cst.Attribute) and test.attr.value == "training"
    return False if training else is_eager(test)


def _statements(code: str | cst.FunctionDef) -> list[str]:
    """The statements of a module, or of the one function in it, without its docstring."""
    tree = ast.parse(code if isinstance(code, str) else cst.Module([code]).code)
    first = tree.body[0]
    body = first.body if isinstance(first, ast.FunctionDef) else tree.body
    return [
        ast.unparse(item) for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
    ]
