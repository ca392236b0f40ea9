"""The KV cache that generated code reads and writes: preallocated, with a token's position as its slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache

from qeff_codegen.runtime.constants import INVALID_INDEX
from qeff_codegen.runtime.customop import CtxGatherFunc, CtxGatherFuncCB, CtxScatterFunc, CtxScatterFuncCB

_SHARED_BETWEEN_LAYERS = ContextVar("slots and positions are computed for the first layer only", default=True)


@contextmanager
def every_layer_for_itself() -> Iterator[None]:
    """Lets each layer compute what to read and where to write, so that no layer needs another one's results.

    The result is the same. A graph whose layers become functions needs it: a layer with a window would otherwise take
    its slots from the first layer, and the length of the context from its own mask, unlike the first layer itself.
    """
    token = _SHARED_BETWEEN_LAYERS.set(False)
    try:
        yield
    finally:
        _SHARED_BETWEEN_LAYERS.reset(token)


@dataclass(eq=False)
class QEffDynamicLayer:
    """Keys and values of one decoder layer, each `[batch_size, num_kv_heads, ctx_len, head_dim]`."""

    keys: torch.Tensor
    values: torch.Tensor


class QEffDynamicCache(Cache):
    """A cache for one forward pass, built from the tensors passed in and taken apart into those passed out.

    All layers share `ctx_len`. What to read and where to write depends on the positions alone, so it is computed
    for the first layer and used by those that follow with the same tensor: the exported graph holds it once.

    A pad has position -1. Without `batch_index` it is written as it is, and -1 wraps to the last slot. That slot
    stays invalid, hence unread, until the row's real last token overwrites it. The one exception is a call that
    writes pads and the row's last slot together; whoever splits prompts into chunks must not build such a call.
    With `batch_index`, pads are written nowhere.
    """

    # Typed as it is not upstream, whose layers grow: ours share nothing with them but their place.
    layers: list[QEffDynamicLayer]  # type: ignore[assignment]

    def __init__(self, layers: list[QEffDynamicLayer]) -> None:
        super().__init__(layers=layers)  # type: ignore[arg-type]
        self._last_write: tuple[torch.Tensor, torch.Tensor] | None = None
        self._last_read: tuple[torch.Tensor, int, torch.Tensor, torch.Tensor] | None = None

    @classmethod
    def from_legacy_cache(
        cls, past_key_values: Iterable[tuple[torch.Tensor, torch.Tensor]] | None = None
    ) -> QEffDynamicCache:
        """Wraps one `(key, value)` pair per layer, each tensor `[batch_size, num_kv_heads, ctx_len, head_dim]`."""
        return cls([QEffDynamicLayer(keys, values) for keys, values in past_key_values or ()])

    def to_legacy_cache(self) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
        """Returns one `(key, value)` pair per layer, with everything written so far."""
        return tuple((layer.keys, layer.values) for layer in self.layers)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Returns the number of slots of the layer, used or not: the context length the cache was made for."""
        return self.layers[layer_idx].keys.shape[-2] if layer_idx < len(self.layers) else 0

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        cache_kwargs: dict[str, Any],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the new keys and values at their positions, then reads what attention needs.

        Args:
            key_states: `[batch_size, num_kv_heads, seq_len, head_dim]`.
            value_states: the same shape.
            layer_idx: the layer to update.
            cache_kwargs: `position_ids` `[batch_size, seq_len]`, -1 for pads; `batch_index` `[batch_size, 1]`, the
                cache row of each input row, or None where they are the same; `CCL`, how many slots attention
                reads, all of them where it is absent.

        Returns:
            Keys and values `[batch_size, num_kv_heads, CCL, head_dim]`. Beyond the row's largest position the
            values are zero and the keys arbitrary: the attention mask must forbid those slots.

        Raises:
            ValueError: the cache has no such layer; it is preallocated and never grows.
        """
        if layer_idx >= len(self.layers):
            raise ValueError(
                f"the KV cache has {len(self.layers)} layers and layer {layer_idx} was to be updated: pass "
                "past_key_values as a list with one (key, value) pair of zeros per decoder layer, each "
                "[batch_size, num_key_value_heads, ctx_len, head_dim]"
            )
        layer = self.layers[layer_idx]
        position_ids = cache_kwargs["position_ids"]
        batch_index = cache_kwargs.get("batch_index")
        read_length = cache_kwargs.get("CCL", layer.keys.shape[-2])
        slots, invalid = self._slots_to_read(position_ids, read_length)

        if batch_index is None:
            layer.keys = CtxScatterFunc.apply(layer.keys, position_ids, key_states)
            layer.values = CtxScatterFunc.apply(layer.values, position_ids, value_states)
            keys = CtxGatherFunc.apply(layer.keys, slots, read_length)
            values = CtxGatherFunc.apply(layer.values, slots, read_length)
        else:
            positions = self._positions_to_write(position_ids)
            layer.keys = CtxScatterFuncCB.apply(layer.keys, batch_index, positions, key_states)
            layer.values = CtxScatterFuncCB.apply(layer.values, batch_index, positions, value_states)
            keys = CtxGatherFuncCB.apply(layer.keys, batch_index, slots, read_length)
            values = CtxGatherFuncCB.apply(layer.values, batch_index, slots, read_length)
        # A slot nobody wrote, or a pad's, may hold NaN, which a weight of zero would not remove.
        return keys, torch.where(invalid, 0.0, values)

    def _positions_to_write(self, position_ids: torch.Tensor) -> torch.Tensor:
        """Replaces the position of pads by the index that is skipped."""
        last = self._last_write if _SHARED_BETWEEN_LAYERS.get() else None
        if last is None or last[0] is not position_ids:
            self._last_write = last = position_ids, torch.where(position_ids < 0, INVALID_INDEX, position_ids)
        return last[1]

    def _slots_to_read(self, position_ids: torch.Tensor, read_length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns slots `[batch_size, 1, read_length]` and, with a last axis of 1, which of them are invalid."""
        last = self._last_read if _SHARED_BETWEEN_LAYERS.get() else None
        if last is None or last[0] is not position_ids or int(last[1]) != int(read_length):
            slots = torch.arange(read_length, device=position_ids.device)
            invalid = slots > position_ids.amax(1, keepdim=True).unsqueeze(1)
            read_slots = torch.where(invalid, INVALID_INDEX, slots)
            self._last_read = last = position_ids, read_length, read_slots, invalid.unsqueeze(-1)
        return last[2], last[3]
