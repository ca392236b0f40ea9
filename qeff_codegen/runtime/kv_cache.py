"""The sizes of a decoder's KV cache, read from its configuration, and the zeros it starts from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedConfig

from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class KVShape:
    """What one decoder layer's keys (and, equally, values) need besides batch size and context length."""

    num_heads: int
    head_dim: int


def kv_cache_shapes(config: PreTrainedConfig) -> list[KVShape]:
    """Returns one shape per decoder layer, by the names transformers gives these sizes (or maps to them).

    A configuration without `num_key_value_heads` has one key/value head per attention head; one without
    `head_dim` splits `hidden_size` evenly over the attention heads.
    """
    text_config = config.get_text_config()
    num_heads = getattr(text_config, "num_key_value_heads", None) or text_config.num_attention_heads
    head_dim = getattr(text_config, "head_dim", None) or text_config.hidden_size // text_config.num_attention_heads
    return [KVShape(num_heads, head_dim)] * text_config.num_hidden_layers


def allocate_kv_cache(
    config: PreTrainedConfig, batch_size: int, ctx_len: int, dtype: torch.dtype
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns zeros for every layer: `(key, value)`, each `[batch_size, num_heads, ctx_len, head_dim]`."""
    return [
        (
            torch.zeros(batch_size, shape.num_heads, ctx_len, shape.head_dim, dtype=dtype),
            torch.zeros(batch_size, shape.num_heads, ctx_len, shape.head_dim, dtype=dtype),
        )
        for shape in kv_cache_shapes(config)
    ]


def check_ctx_len(config: PreTrainedConfig, ctx_len: int) -> None:
    """Makes sure that every slot of the cache is a position the model knows.

    Rotary tables and learned position embeddings have `max_position_embeddings` rows; a position beyond them
    has none. A model without that setting (no positions, or computed ones) has no limit.

    Raises:
        UsageError: `ctx_len` is not positive, or too long for this model.
    """
    if ctx_len < 1:
        raise UsageError(f"ctx_len is {ctx_len}: the KV cache needs at least one slot. Pass a positive ctx_len.")
    text_config = config.get_text_config()
    limit = getattr(text_config, "max_position_embeddings", None)
    if limit is not None and ctx_len > limit:
        raise UsageError(
            f"ctx_len is {ctx_len}, but this {text_config.model_type} model knows {limit} positions "
            f"(max_position_embeddings of its configuration). Pass a ctx_len of at most {limit}."
        )
