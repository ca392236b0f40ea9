"""The cache that generated code reads and writes.

Keys and values are preallocated, with a token's position as its slot, or as many slots as a layer's window has.
States, which some layers keep instead of them or beside them, are replaced in every call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import Cache

from qeff_codegen.runtime.constants import INVALID_INDEX
from qeff_codegen.runtime.customop import CtxGatherFunc, CtxGatherFuncCB, CtxScatterFunc, CtxScatterFuncCB
from qeff_codegen.runtime.states.rows import CallRows, read_rows, written_rows
from qeff_codegen.runtime.windows import Window, WindowCall, kept_windows

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
    """What one decoder layer keeps, None for what it does not.

    Keys and values are `[batch_size, num_kv_heads, ctx_len, head_dim]`, `conv_state` the last columns that went into a
    convolution, `[batch_size, channels, kernel]`, `recurrent_state` what a recurrence carries on, of four axes.
    `indexer_keys` is what an indexer scores, `[batch_size, ctx_len, index_head_dim]`. With a `window` keys and values
    have its slots instead of `ctx_len`.
    """

    keys: torch.Tensor | None = None
    values: torch.Tensor | None = None
    conv_state: torch.Tensor | None = None
    recurrent_state: torch.Tensor | None = None
    indexer_keys: torch.Tensor | None = None
    window: Window | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, tensors: Sequence[torch.Tensor]) -> QEffDynamicLayer:
        """Wraps one layer's tensors, in the order of their names: conv_state, past_key, past_value, recurrent_state.

        Only `conv_state` and the keys of an indexer, which stand behind key and value, have three axes, so count and
        axes say which they are.

        Raises:
            ValueError: no layer keeps such tensors.
        """
        if [tensor.dim() for tensor in tensors] == [4, 4, 3]:
            return cls(tensors[0], tensors[1], indexer_keys=tensors[2])
        conv_state, others = (tensors[0], tensors[1:]) if tensors and tensors[0].dim() == 3 else (None, tensors)
        if len(others) > 3 or any(tensor.dim() != 4 for tensor in others):
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise ValueError(
                f"a layer was given tensors of {shapes}: expected, in this order and each only where the layer keeps "
                "it, conv_state [batch_size, channels, kernel], past_key and past_value [batch_size, "
                "num_key_value_heads, ctx_len, head_dim], recurrent_state of four axes; or past_key, past_value and "
                "indexer_key_cache [batch_size, ctx_len, index_head_dim]"
            )
        if len(others) < 2:
            return cls(conv_state=conv_state, recurrent_state=others[0] if others else None)
        return cls(others[0], others[1], conv_state, others[2] if len(others) > 2 else None)

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Returns what the layer keeps, in the order in which `of` takes it."""
        every = self.conv_state, self.keys, self.values, self.recurrent_state, self.indexer_keys
        return tuple(tensor for tensor in every if tensor is not None)


class QEffDynamicCache(Cache):
    """A cache for one forward pass, built from the tensors passed in and taken apart into those passed out.

    All layers share `ctx_len`, but those that keep a window (see `runtime.windows`). What to read and where to write
    depends on the positions alone, so it is computed for the first layer and used by those that follow with the same
    tensor: the exported graph holds it once.

    A pad has position -1. Without `batch_index` it is written as it is, and -1 wraps to the last slot. That slot
    stays invalid, hence unread, until the row's real last token overwrites it. The one exception is a call that
    writes pads and the row's last slot together; whoever splits prompts into chunks must not build such a call.
    With `batch_index`, pads are written nowhere.

    States have no slots. A row whose call begins at position 0 starts from zeros; a row of pads keeps its states.
    """

    # Typed as it is not upstream, whose layers grow: ours share nothing with them but their place.
    layers: list[QEffDynamicLayer]  # type: ignore[assignment]

    def __init__(self, layers: list[QEffDynamicLayer]) -> None:
        super().__init__(layers=layers)  # type: ignore[arg-type]
        self._last_write: tuple[torch.Tensor, torch.Tensor] | None = None
        self._last_read: tuple[torch.Tensor, int, torch.Tensor, torch.Tensor] | None = None
        self._last_rows: CallRows | None = None
        self._last_windows: dict[Window, WindowCall] = {}

    @classmethod
    def from_legacy_cache(cls, past_key_values: Iterable[Sequence[torch.Tensor]] | None = None) -> QEffDynamicCache:
        """Wraps a tuple per layer: `(key, value)`, or what `QEffDynamicLayer.of` says of layers with states.

        Where layers keep windows in this call, their slots are noted, for the masks.
        """
        cache = cls([QEffDynamicLayer.of(tensors) for tensors in past_key_values or ()])
        kept = kept_windows()
        if kept is not None:
            for layer, window in zip(cache.layers, kept.of_layers, strict=True):
                if window is not None and layer.keys is not None:
                    layer.window = window
                    kept.slots[window] = layer.keys.shape[-2]
        return cache

    def to_legacy_cache(self) -> tuple[tuple[torch.Tensor, ...], ...]:
        """Returns a tuple per layer, as they came in, with everything written so far."""
        return tuple(layer.tensors() for layer in self.layers)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Returns the number of slots, used or not: the context length the cache was made for.

        It is that of the first layer from `layer_idx` on that has keys of the whole context; of the first that has
        keys where each keeps a window, and 0 where there is none.
        """
        with_keys = [layer for layer in self.layers[layer_idx:] if layer.keys is not None]
        whole = [layer for layer in with_keys if layer.window is None]
        return next((layer.keys.shape[-2] for layer in whole or with_keys if layer.keys is not None), 0)

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
            values are zero and the keys arbitrary: the attention mask must forbid those slots. A layer with a window
            gives its slots as they were before the call, and then the call's own keys and values.

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
        if layer.keys is None or layer.values is None:
            raise ValueError(_given_without(layer_idx, "(key, value)"))
        if layer.window is not None:
            call = self._window_call(layer.window, layer.keys.shape[-2], cache_kwargs)
            keys, layer.keys = _beside_window(layer.keys, key_states, call)
            values, layer.values = _beside_window(layer.values, value_states, call)
            # Keys too: what is read as keys may be what attention sums up, and a pad's may be no number.
            return torch.where(call.is_nothing, 0.0, keys), torch.where(call.is_nothing, 0.0, values)
        read_length = cache_kwargs.get("CCL", layer.keys.shape[-2])
        _, invalid = self._slots_to_read(cache_kwargs["position_ids"], read_length)
        layer.keys = self._written(layer.keys, key_states, cache_kwargs)
        layer.values = self._written(layer.values, value_states, cache_kwargs)
        keys = self._read(layer.keys, read_length, cache_kwargs)
        values = self._read(layer.values, read_length, cache_kwargs)
        # A slot nobody wrote, or a pad's, may hold NaN, which a weight of zero would not remove.
        return keys, torch.where(invalid, 0.0, values)

    def update_indexer(  # type: ignore[override]
        self, indexer_key_states: torch.Tensor, layer_idx: int, cache_kwargs: dict[str, Any]
    ) -> torch.Tensor:
        """Writes the new keys of a layer's indexer at their positions, then reads those that it scores.

        They are written and read as the keys of one head.

        Args:
            indexer_key_states: `[batch_size, seq_len, index_head_dim]`.
            layer_idx: the layer to update.
            cache_kwargs: as in `update`.

        Returns:
            `[batch_size, CCL, index_head_dim]`. What stands beyond the row's largest position is arbitrary: the
            attention mask must forbid those slots before scores are compared.
        """
        layer = self.layers[layer_idx]
        if layer.indexer_keys is None:
            raise ValueError(_given_without(layer_idx, "indexer_key_cache [batch_size, ctx_len, index_head_dim]"))
        read_length = cache_kwargs.get("CCL", layer.indexer_keys.shape[1])
        kept = self._written(layer.indexer_keys.unsqueeze(1), indexer_key_states.unsqueeze(1), cache_kwargs)
        layer.indexer_keys = kept.squeeze(1)
        return self._read(kept, read_length, cache_kwargs).squeeze(1)

    def _written(self, kept: torch.Tensor, new_states: torch.Tensor, cache_kwargs: dict[str, Any]) -> torch.Tensor:
        """Returns `kept` `[rows, heads, ctx_len, size]` with new states, `[batch_size, heads, seq_len, size]`."""
        position_ids, batch_index = cache_kwargs["position_ids"], cache_kwargs.get("batch_index")
        if batch_index is None:
            return CtxScatterFunc.apply(kept, position_ids, new_states)
        return CtxScatterFuncCB.apply(kept, batch_index, self._positions_to_write(position_ids), new_states)

    def _read(self, kept: torch.Tensor, read_length: int, cache_kwargs: dict[str, Any]) -> torch.Tensor:
        """Returns the first slots of the call's rows, `[batch_size, heads, read_length, size]`."""
        slots, _ = self._slots_to_read(cache_kwargs["position_ids"], read_length)
        batch_index = cache_kwargs.get("batch_index")
        if batch_index is None:
            return CtxGatherFunc.apply(kept, slots, read_length)
        return CtxGatherFuncCB.apply(kept, batch_index, slots, read_length)

    def update_conv_state(  # type: ignore[override]
        self, hidden_states: torch.Tensor, layer_idx: int, cache_kwargs: dict[str, Any], conv_kernel_size: int
    ) -> torch.Tensor:
        """Puts the columns that each row has kept in front of the call's, and keeps the last valid ones of them.

        Args:
            hidden_states: `[batch_size, channels, seq_len]`, what goes into the convolution.
            layer_idx: the layer to update.
            cache_kwargs: as in `update`.
            conv_kernel_size: how many columns are kept.

        Returns:
            `[batch_size, channels, conv_kernel_size + seq_len]`.
        """
        layer = self.layers[layer_idx]
        if layer.conv_state is None or layer.conv_state.shape[2] != conv_kernel_size:
            raise ValueError(_given_without(layer_idx, f"conv_state [batch_size, channels, {conv_kernel_size}]"))
        rows = self._rows(cache_kwargs)
        kept = read_rows(layer.conv_state, rows).to(hidden_states.dtype)
        columns = torch.cat([kept, hidden_states], dim=-1)
        last = rows.count[:, None, None] + torch.arange(conv_kernel_size, device=hidden_states.device)
        new = columns.gather(2, last.expand(-1, kept.shape[1], -1))
        layer.conv_state = written_rows(layer.conv_state, new, rows)
        return columns

    def get_recurrent_state(  # type: ignore[override]
        self, layer_idx: int, cache_kwargs: dict[str, Any]
    ) -> torch.Tensor | None:
        """Returns the state that each row of the call goes on from, zeros for a row that begins.

        None, which is zeros for all, comes from a cache that does not know shapes yet.
        """
        return read_rows(self._recurrent_state(layer_idx), self._rows(cache_kwargs))

    def update_recurrent_state(  # type: ignore[override]
        self, recurrent_state: torch.Tensor, layer_idx: int, cache_kwargs: dict[str, Any]
    ) -> None:
        """Keeps the state that each row of the call has come to; that of a row of pads is the one it had."""
        kept = self._recurrent_state(layer_idx)
        self.layers[layer_idx].recurrent_state = written_rows(kept, recurrent_state, self._rows(cache_kwargs))

    def _recurrent_state(self, layer_idx: int) -> torch.Tensor:
        state = self.layers[layer_idx].recurrent_state
        if state is None:
            raise ValueError(_given_without(layer_idx, "recurrent_state, of four axes"))
        return state

    def _rows(self, cache_kwargs: dict[str, Any]) -> CallRows:
        """Returns what a call does with each row, computed once where layers share it."""
        position_ids, batch_index = cache_kwargs["position_ids"], cache_kwargs.get("batch_index")
        last = self._last_rows if _SHARED_BETWEEN_LAYERS.get() else None
        if last is None or last.position_ids is not position_ids or last.batch_index is not batch_index:
            self._last_rows = last = CallRows(position_ids, batch_index)
        return last

    def _window_call(self, window: Window, slots: int, cache_kwargs: dict[str, Any]) -> WindowCall:
        """Returns what a call does with the slots of a window, computed once where layers share it."""
        position_ids, batch_index = cache_kwargs["position_ids"], cache_kwargs.get("batch_index")
        last = self._last_windows.get(window) if _SHARED_BETWEEN_LAYERS.get() else None
        if last is None or not last.is_of(position_ids, batch_index):
            self._last_windows[window] = last = WindowCall(position_ids, batch_index, slots)
        return last

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


def _beside_window(
    kept: torch.Tensor, new_states: torch.Tensor, call: WindowCall
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a layer with a window reads, and what it keeps.

    Args:
        kept: `[rows, heads, slots, size]`, what it has kept.
        new_states: `[batch_size, heads, seq_len, size]`, of the call.
        call: what the call does.

    Returns:
        `[batch_size, heads, slots + seq_len, size]`, and `kept` with the new states.
    """
    # The compiler knows by its name an operator that skips indices, with rows; here a row's index is its own.
    written = CtxScatterFuncCB.apply(kept, call.rows, call.write_slots, new_states)
    before = kept
    if call.batch_index is not None:
        before = CtxGatherFuncCB.apply(kept, call.batch_index, call.read_slots, call.slots)
    return torch.cat([before, new_states], dim=2), written


def _given_without(layer_idx: int, missing: str) -> str:
    return (
        f"layer {layer_idx} keeps {missing}, and was given none: pass past_key_values as a list with one tuple of "
        "tensors per decoder layer, in the order conv_state, past_key, past_value, recurrent_state, indexer_key_cache"
    )
