"""A decoder's cache: its sizes, asked of the decoder itself, the zeros it starts from, where outputs have it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from qeff_codegen.errors import UsageError
from qeff_codegen.export.deferred_tensors import deferral_of
from qeff_codegen.export.graph_io import (
    CONV_STATE,
    INDEXER_KEYS,
    KEY_AND_VALUE,
    RECURRENT_STATE,
    IndexerShape,
    KVShape,
    LayerShapes,
    PartShape,
    StateShape,
    states_of,
)
from qeff_codegen.runtime.cache_utils import QEffDynamicCache, QEffDynamicLayer
from qeff_codegen.runtime.constants import ROTARY_POSITIONS
from qeff_codegen.runtime.windows import Window, masks_that_tell

if TYPE_CHECKING:  # transformers 4.x spells its name in another way
    from transformers import PreTrainedConfig

_NUMBERED = "an exported cache needs its layers numbered 0, 1, 2 and so on, each updated once per call"


class _ProbingCache(QEffDynamicCache):
    """Keeps what one token writes, so that its shapes can be read off.

    Args:
        windows: those that masks were made for so far, where masks tell (see `masks_that_tell`).
    """

    def __init__(self, windows: Sequence[Window] = ()) -> None:
        super().__init__([])
        self._windows = windows

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
        """Keeps keys and values, each `[1, num_heads, 1, head_dim]`, and returns them as often as its mask is long."""
        layer = self._layer(layer_idx)
        if layer.keys is not None:
            raise ValueError(self._out_of_order(layer_idx))
        layer.keys, layer.values = key_states, value_states
        length = cache_kwargs.get("CCL", 1)
        if length > 1:
            layer.window = self._windows[length - 2]
        return key_states.expand(-1, -1, length, -1), value_states.expand(-1, -1, length, -1)

    def update_indexer(  # type: ignore[override]
        self, indexer_key_states: torch.Tensor, layer_idx: int, cache_kwargs: dict[str, Any]
    ) -> torch.Tensor:
        """Keeps an indexer's keys, `[1, 1, index_head_dim]`, and returns them as they are."""
        layer = self._layer(layer_idx)
        if layer.indexer_keys is not None:
            raise ValueError(self._out_of_order(layer_idx))
        layer.indexer_keys = indexer_key_states
        return indexer_key_states

    def update_conv_state(  # type: ignore[override]
        self, hidden_states: torch.Tensor, layer_idx: int, cache_kwargs: dict[str, Any], conv_kernel_size: int
    ) -> torch.Tensor:
        """Keeps a window of zeros, `[1, channels, conv_kernel_size]`, and puts it in front of the one column."""
        layer = self._layer(layer_idx)
        if layer.conv_state is not None:
            raise ValueError(self._out_of_order(layer_idx))
        layer.conv_state = hidden_states.new_zeros(*hidden_states.shape[:2], conv_kernel_size)
        return torch.cat([layer.conv_state, hidden_states], dim=-1)

    def get_recurrent_state(self, layer_idx: int, cache_kwargs: dict[str, Any]) -> None:  # type: ignore[override]
        """Returns None: whoever reads a state makes its own zeros of that."""

    def update_recurrent_state(  # type: ignore[override]
        self, recurrent_state: torch.Tensor, layer_idx: int, cache_kwargs: dict[str, Any]
    ) -> None:
        """Keeps the state, `[1, ...]`."""
        layer = self._layer(layer_idx)
        if layer.recurrent_state is not None:
            raise ValueError(self._out_of_order(layer_idx))
        layer.recurrent_state = recurrent_state

    def _layer(self, layer_idx: int) -> QEffDynamicLayer:
        """Returns a layer, with those before it that keep nothing yet: layers that run again come after later ones."""
        self.layers.extend(QEffDynamicLayer() for _ in range(layer_idx + 1 - len(self.layers)))
        return self.layers[layer_idx]

    def _out_of_order(self, layer_idx: int) -> str:
        due = len(self.layers)
        return f"the model updates layer {layer_idx} of the KV cache where layer {due} is due: {_NUMBERED}"


def kv_cache_shapes(model: nn.Module, *, windows: bool = False) -> list[LayerShapes]:
    """Runs `model` on one token and returns the names and shapes of what each layer keeps.

    Configurations name these sizes in too many ways to be read: keys may be wider than values, heads may differ from
    layer to layer, one decoder layer may cache twice, a layer that shares the keys of another caches nothing, some
    layers keep states instead of keys and values, or beside them, and some the keys of an indexer. An attention whose
    cached tensors have names of their own gives them by `kv_cache_names`.

    Args:
        model: a causal LM whose modules were mapped to their QEff classes.
        windows: a layer that sees a window keeps no more than that; otherwise all keep the whole context. The window
            is that of the mask which comes to the layer.

    Raises:
        ValueError: a place of the cache is left out, or written twice.
    """
    with deferral_of(model), torch.no_grad(), masks_that_tell() if windows else nullcontext(()) as asked:
        probe = _ProbingCache(asked)
        model(
            input_ids=torch.zeros(1, 1, dtype=torch.int64),
            position_ids=first_position(model),
            past_key_values=probe,
            use_cache=True,
        )
    modules: list[Any] = [module for module in model.modules() if hasattr(module, "kv_cache_names")]
    own: dict[int, tuple[str, str]] = {module.layer_idx: module.kv_cache_names() for module in modules}
    shapes = [_shapes_of(layer, own.get(index, KEY_AND_VALUE)) for index, layer in enumerate(probe.layers)]
    # Where layers keep states, one that is nothing but an MLP may be counted among them.
    if () in shapes and not states_of(shapes):
        empty = shapes.index(())
        following = next(index for index in range(empty, len(shapes)) if shapes[index])
        raise ValueError(
            f"the model updates layer {following} of the KV cache where layer {empty} is due: {_NUMBERED}"
        )
    return shapes


def position_sections_of(model: nn.Module) -> int:
    """Returns how many positions a token of `model` has beside that in the text: those that an image's rotate by."""
    sections: int = getattr(model, "num_position_sections", 0)
    return sections


def feature_layers_of(program: nn.Module) -> int:
    """Returns for how many layers a program of images gives features, or one of text takes them."""
    layers: int = getattr(program, "num_feature_layers", 0)
    return layers


def first_position(model: nn.Module) -> torch.Tensor:
    """Returns what `model` takes as the position of one token, the first of its row."""
    sections = position_sections_of(model)
    return torch.zeros((1 + sections, 1, 1) if sections else (1, 1), dtype=torch.int64)


def _shapes_of(layer: QEffDynamicLayer, names: tuple[str, str]) -> LayerShapes:
    shapes: list[PartShape] = []
    if layer.conv_state is not None:
        shapes.append(StateShape(CONV_STATE, tuple(layer.conv_state.shape[1:])))
    if layer.keys is not None and layer.values is not None:
        pair = zip(names, (layer.keys, layer.values), strict=True)
        shapes.extend(KVShape(name, tensor.shape[1], tensor.shape[3], layer.window) for name, tensor in pair)
    if layer.recurrent_state is not None:
        shapes.append(StateShape(RECURRENT_STATE, tuple(layer.recurrent_state.shape[1:])))
    if layer.indexer_keys is not None:
        shapes.append(IndexerShape(INDEXER_KEYS, layer.indexer_keys.shape[2]))
    return tuple(shapes)


def allocate_kv_cache(
    shapes: Sequence[LayerShapes], batch_size: int, ctx_len: int, dtype: torch.dtype
) -> list[tuple[torch.Tensor, ...]]:
    """Returns zeros for every layer: what it keeps, such as `(key, value)`, each with `batch_size` rows.

    Keys and values are `[batch_size, num_heads, ctx_len, head_dim]`, those of a layer that keeps a window
    `[batch_size, num_heads, min(window, ctx_len), head_dim]`. A recurrent state is float32 in every model: that
    is what it is computed in, and rounding it in each call would add up.
    """

    def zeros(shape: PartShape) -> torch.Tensor:
        own = torch.float32 if shape.name == RECURRENT_STATE else dtype
        return torch.zeros(shape.sizes(batch_size, ctx_len), dtype=own)

    return [tuple(zeros(part) for part in layer) for layer in shapes]


def cache_of(outputs: Any) -> Any:
    """Returns the cache from a model output, None where it has none: `cache` since transformers 5.24.

    Before, it is `past_key_values`, or `cache_params` where no layer has keys and values.
    """
    field = next((name for name in ("past_key_values", "cache_params") if name in outputs), "cache")
    return outputs.get(field)


def check_ctx_len(config: PreTrainedConfig, ctx_len: int) -> None:
    """Makes sure that every slot of the cache is a position the model knows.

    Rotary tables and learned position embeddings have `max_position_embeddings` rows; a position beyond them
    has none. A model without that setting has no limit (no positions, or computed ones), unless it has rotary tables,
    which then end at `ROTARY_POSITIONS`.

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
    if limit is None and getattr(text_config, "rope_parameters", None) and ctx_len > ROTARY_POSITIONS:
        raise UsageError(
            f"ctx_len is {ctx_len}, but the rotary tables of this {text_config.model_type} model have "
            f"{ROTARY_POSITIONS} positions, since its configuration names none. Pass a ctx_len of at most "
            f"{ROTARY_POSITIONS}, or set max_position_embeddings of the configuration."
        )
