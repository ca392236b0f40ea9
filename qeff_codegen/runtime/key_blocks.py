"""Attention over one block of keys and values after the other.

The memory that attention takes beside the KV cache grows with the keys it reads at a time: repeated for every query
head, and their scores. In blocks it grows with the length of one. Results of blocks are added up as in the online
softmax of Milakov and Gimelshein (arXiv:1805.02867), here by the logarithm of the sum of the exponentials of a
block's scores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from qeff_codegen.errors import UsageError

# `(module, query, key, value, attention_mask, ...)` to the output `[batch_size, seq_len, num_heads, head_dim]`, the
# weights, and the logarithm of the sum of the exponentials of the scores, `[batch_size, num_heads, seq_len, 1]`.
AttentionFunction = Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
Attention = Callable[..., tuple[torch.Tensor, torch.Tensor | None]]
_Part = tuple[torch.Tensor, torch.Tensor]


def over_key_blocks(attention: AttentionFunction, num_kv_blocks: int) -> Attention:
    """The same attention, computed over `num_kv_blocks` blocks of keys, which are as equal as their number allows.

    Args:
        attention: computes attention over the keys it is given. A query that may attend to none of them gets minus
            infinity as its sum, and any output.
        num_kv_blocks: number of blocks, 1 or more.

    Returns:
        What takes the same arguments and returns output and weights; None for the weights of several blocks.
    """

    def whole(*args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        output, weights, _ = attention(*args, **kwargs)
        return output, weights

    def blocked(
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        length = key.shape[2]
        ends = [length * block // num_kv_blocks for block in range(num_kv_blocks + 1)]
        total: _Part | None = None
        for start, end in zip(ends[:-1], ends[1:], strict=True):
            slots = slice(start, end)
            output, _, lse = attention(
                module, query, key[:, :, slots], value[:, :, slots], attention_mask[:, :, :, slots], **kwargs
            )
            total = (output, lse) if total is None else _added(total, (output, lse))
        assert total is not None, "num_kv_blocks is 1 or more"
        return total[0], None

    return whole if num_kv_blocks == 1 else blocked


def ask_for_key_blocks(model: Any, num_kv_blocks: int) -> None:
    """Writes the number of blocks where `__qeff_init__` of an attention reads it; before its class is mapped.

    Raises:
        UsageError: the number is not positive.
    """
    if num_kv_blocks < 1:
        raise UsageError(f"num_kv_blocks is {num_kv_blocks}: attention is computed over one block of keys or more.")
    if num_kv_blocks > 1:
        for config in (model.config, model.config.get_text_config()):
            config.num_kv_blocks = num_kv_blocks


def check_key_blocks(model: nn.Module, num_kv_blocks: int) -> None:
    """Makes sure that a mapped model follows the number that was asked for.

    Raises:
        UsageError: no attention of it does.
    """
    if not any(getattr(module, "num_kv_blocks", 1) == num_kv_blocks for module in model.modules()):
        raise UsageError(
            f"num_kv_blocks is {num_kv_blocks}, and attention in {type(model).__name__} is computed over all keys at "
            "once: it does more with their scores than blocks can be added up by. Leave num_kv_blocks at 1."
        )


def _added(one: _Part, other: _Part) -> _Part:
    """The attention over the keys of both."""
    largest = torch.maximum(one[1], other[1])
    # Where neither has a key to attend to, no difference of infinities.
    largest = torch.where(largest == float("-inf"), 0.0, largest)
    weights = [torch.exp(lse - largest) for _, lse in (one, other)]
    total = weights[0] + weights[1]
    output = _weighted(one[0], weights[0]) + _weighted(other[0], weights[1])
    return output / total.transpose(1, 2), largest + torch.log(total)


def _weighted(output: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """An output times its weight; without weight the output is not a number, which no product with zero removes."""
    weight = weight.transpose(1, 2)
    return torch.where(weight > 0, output, 0.0) * weight
