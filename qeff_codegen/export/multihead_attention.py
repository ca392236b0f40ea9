"""What `nn.MultiheadAttention` computes, operator by operator.

PyTorch hands it on as one function, which makes numbers of its inputs' sizes and splits its weights while traced.
Where these are known, the same is a product of weights that are known, a softmax and two more products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

FUNCTION: Callable[..., Any] = functional.multi_head_attention_forward
_SIGNATURE = (
    "query",
    "key",
    "value",
    "embed_dim_to_check",
    "num_heads",
    "in_proj_weight",
    "in_proj_bias",
    "bias_k",
    "bias_v",
    "add_zero_attn",
    "dropout_p",
    "out_proj_weight",
    "out_proj_bias",
)
# What has to be so: at inference, one weight for the three projections, and nothing added to keys.
_PLAIN: dict[str, Any] = {
    "bias_k": None,
    "bias_v": None,
    "add_zero_attn": False,
    "training": False,
    "key_padding_mask": None,
    "attn_mask": None,
    "use_separate_proj_weight": False,
    "static_k": None,
    "static_v": None,
    "is_causal": False,
}


def attention_of(args: tuple[Any, ...], given: dict[str, Any]) -> tuple[torch.Tensor, None] | None:
    """The output `[queries, batch_size, hidden]` of a call of the function; None where it does more than to attend.

    Args:
        args: what it is called with: query `[queries, batch_size, hidden]`, key and value
            `[keys, batch_size, hidden]`, and so on.
        given: likewise, by name.
    """
    named = dict(zip(_SIGNATURE, args, strict=False)) | given
    if any(named.get(name, value) is not value for name, value in _PLAIN.items()) or named["query"].dim() != 3:
        return None
    heads, hidden = named["num_heads"], named["embed_dim_to_check"]
    weight, bias = named["in_proj_weight"], named["in_proj_bias"]
    split = []
    for part, tensor in enumerate((named["query"], named["key"], named["value"])):
        rows = slice(part * hidden, (part + 1) * hidden)
        projected = functional.linear(tensor, weight[rows], None if bias is None else bias[rows])
        length, batch_size, _ = projected.shape
        split.append(projected.reshape(length, batch_size * heads, hidden // heads).transpose(0, 1))
    query, key, value = split
    weights = torch.softmax(torch.bmm(query * (1 / math.sqrt(hidden // heads)), key.transpose(1, 2)), dim=-1)
    attended = torch.bmm(weights, value).transpose(0, 1).reshape(*named["query"].shape)
    return functional.linear(attended, named["out_proj_weight"], named["out_proj_bias"]), None
