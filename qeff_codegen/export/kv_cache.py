"""A decoder's KV cache: its sizes, asked of the decoder itself, the zeros it starts from, where outputs have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import KEY_AND_VALUE, KVShape, LayerShapes
from qeff_codegen.runtime.cache_utils import QEffDynamicCache, QEffDynamicLayer

if TYPE_CHECKING:  # transformers 4.x spells its name in another way
    from transformers import PreTrainedConfig


class _ProbingCache(QEffDynamicCache):
    """Keeps what one token writes, so that its shapes can be read off."""

    def __init__(self) -> None:
        super().__init__([])

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Returns the one slot that the one token takes, before any layer has written it."""
        return 1

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        cache_kwargs: dict[str, Any],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keeps keys and values, each `[1, num_heads, 1, head_dim]`, and returns them as they are."""
        if layer_idx != len(self.layers):
            raise ValueError(
                f"the model updates layer {layer_idx} of the KV cache where layer {len(self.layers)} is due: an "
                "exported cache needs its layers numbered 0, 1, 2 and so on, each updated once per call"
            )
        self.layers.append(QEffDynamicLayer(key_states, value_states))
        return key_states, value_states


def kv_cache_shapes(model: nn.Module) -> list[LayerShapes]:
    """Runs `model` on one token and returns the names and shapes of what each layer caches.

    Configurations name these sizes in too many ways to be read: keys may be wider than values, heads may differ from
    layer to layer, one decoder layer may cache twice, and a layer that shares the keys of another caches nothing. An
    attention whose cached tensors have names of their own gives them by `kv_cache_names`.

    Args:
        model: a causal LM whose modules were mapped to their QEff classes.

    Raises:
        ValueError: the model's layers do not write the cache one after the other, each once.
    """
    probe = _ProbingCache()
    with torch.no_grad():
        model(
            input_ids=torch.zeros(1, 1, dtype=torch.int64),
            position_ids=torch.zeros(1, 1, dtype=torch.int64),
            past_key_values=probe,
            use_cache=True,
        )
    modules: list[Any] = [module for module in model.modules() if hasattr(module, "kv_cache_names")]
    own: dict[int, tuple[str, str]] = {module.layer_idx: module.kv_cache_names() for module in modules}
    return [_shapes_of(layer, own.get(index, KEY_AND_VALUE)) for index, layer in enumerate(probe.layers)]


def _shapes_of(layer: QEffDynamicLayer, names: tuple[str, str]) -> LayerShapes:
    if layer.keys is None or layer.values is None:
        raise ValueError("a layer has written no keys and values")
    pairs = zip(names, (layer.keys, layer.values), strict=True)
    key, value = (KVShape(name, tensor.shape[1], tensor.shape[3]) for name, tensor in pairs)
    return key, value


def allocate_kv_cache(
    shapes: Sequence[LayerShapes], batch_size: int, ctx_len: int, dtype: torch.dtype
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns zeros for every layer: `(key, value)`, each `[batch_size, num_heads, ctx_len, head_dim]`."""

    def zeros(shape: KVShape) -> torch.Tensor:
        return torch.zeros(batch_size, shape.num_heads, ctx_len, shape.head_dim, dtype=dtype)

    return [(zeros(key), zeros(value)) for key, value in shapes]


def cache_of(outputs: Any) -> Any:
    """Returns the cache from a model output: `past_key_values` in transformers 5.5, `cache` in 5.24."""
    field = "past_key_values" if "past_key_values" in outputs else "cache"
    return outputs[field]


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
