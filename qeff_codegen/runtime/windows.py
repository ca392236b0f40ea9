"""Caches of layers that see a window: as many slots as the window has, each taken again when it has wrapped round.

A token's slot is its position modulo the number of slots. A call of several tokens overwrites what its own first
tokens still see. So attention reads the slots as they were before the call, with the call's own keys beside them, and
a key is masked by its position, not by the place where it stands.

Which layers keep a window is said from outside, for one call of the model (`windows_kept`): generated code asks for
a mask and updates the cache as if every layer kept the whole context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch

from qeff_codegen.runtime.constants import INVALID_INDEX


@dataclass(frozen=True)
class Window:
    """What a layer sees of the context, its own token included.

    Attributes:
        axis: the name that the slots have as an axis of the graph, as QEfficient calls it.
        length: how many positions.
    """

    axis: str
    length: int

    def slots(self, ctx_len: int) -> int:
        """Returns how many slots its cache has in a context of this length."""
        return min(self.length, ctx_len)


def sliding(length: int) -> Window:
    """The window of the last `length` positions."""
    return Window("sliding_window", int(length))


def chunk(length: int) -> Window:
    """Of a context that is cut into chunks of `length` positions, the one that the token is in."""
    return Window("chunk_ctx_len", int(length))


@dataclass
class KeptWindows:
    """The windows of a model's layers.

    Attributes:
        of_layers: for each layer that has a cache, in their order, the window that it keeps; None where it keeps the
            whole context.
        slots: how many slots the cache of the current call has for a window, once it is known.
    """

    of_layers: Sequence[Window | None]
    slots: dict[Window, int] = field(default_factory=dict)


_KEPT: ContextVar[KeptWindows | None] = ContextVar("which layers keep a window", default=None)
# The windows that masks were asked for, where it is to be found out which layer has which.
_ASKED: ContextVar[list[Window] | None] = ContextVar("masks say which window they are of", default=None)


@contextmanager
def windows_kept(of_layers: Sequence[Window | None]) -> Iterator[None]:
    """Lets caches and masks made of a model's call be those of layers that keep these windows."""
    token = _KEPT.set(KeptWindows(of_layers))
    try:
        yield
    finally:
        _KEPT.reset(token)


def kept_windows() -> KeptWindows | None:
    """The windows that layers keep in this call; None where all keep the whole context."""
    return _KEPT.get()


@contextmanager
def masks_that_tell() -> Iterator[list[Window]]:
    """Lets the mask of a window be `1 + n` keys long for the window that is the n-th of the list, counted from 1.

    For a call of one token, whose other masks are one key long: the mask that comes to a layer says which window the
    layer has, whatever the configuration calls it.
    """
    windows: list[Window] = []
    token = _ASKED.set(windows)
    try:
        yield windows
    finally:
        _ASKED.reset(token)


def key_positions(position_ids: torch.Tensor, target_length: int, window: Window) -> torch.Tensor | None:
    """The positions of the keys that attention reads in a layer with a window.

    Args:
        position_ids: `[batch_size, seq_len]`, -1 for a pad.
        target_length: how many keys it reads where the whole context is kept.
        window: of the layer.

    Returns:
        `[batch_size, 1, 1, keys]`, negative where there is no key; None where the whole context is kept, so that a
        key's place is its position.
    """
    asked, kept = _ASKED.get(), _KEPT.get()
    if asked is not None:
        if window not in asked:
            asked.append(window)
        return torch.zeros(1, 1, 1, target_length + asked.index(window) + 1, dtype=torch.int64)
    if kept is None or window not in kept.slots:
        return None
    before = positions_before(position_ids, kept.slots[window])
    return torch.cat([before, position_ids], dim=1)[:, None, None, :]


def positions_before(position_ids: torch.Tensor, slots: int) -> torch.Tensor:
    """The position that stands in each slot before a call, `[batch_size, slots]`; negative where there is none.

    It follows from the first position of the call alone: a row's tokens come in order and without gaps, with pads
    behind them. In a row that begins, or is all pads, nothing stands, whatever another row's text has left there.
    """
    last = position_ids[:, :1] - 1
    return last - (last - torch.arange(slots, device=position_ids.device)).remainder(slots)


class WindowCall:
    """What one call reads and writes in the caches of all layers with the same window.

    Args:
        position_ids: `[batch_size, seq_len]`, -1 for a pad.
        batch_index: `[batch_size, 1]`, the cache row of each input row; None where they are the same.
        slots: how many slots a row has.

    Attributes:
        read_slots: `[batch_size, 1, slots]`, what is read of each row.
        rows: `[batch_size, 1]`, the cache row of each input row.
        write_slots: `[batch_size, seq_len]`, where each token's key goes. Pads go nowhere, nor do tokens whose slot
            a later token of the same call takes.
        is_nothing: bool `[batch_size, 1, slots + seq_len, 1]`, where no key stands.
    """

    def __init__(self, position_ids: torch.Tensor, batch_index: torch.Tensor | None, slots: int) -> None:
        self.position_ids, self.batch_index = position_ids, batch_index
        self.slots = slots
        before = positions_before(position_ids, slots)
        places = torch.arange(slots, device=position_ids.device)
        self.read_slots = torch.where(before < 0, INVALID_INDEX, places).unsqueeze(1)
        is_nothing = torch.cat([before, position_ids], dim=1) < 0
        self.is_nothing = is_nothing.unsqueeze(1).unsqueeze(-1)
        own_rows = torch.arange(position_ids.shape[0], device=position_ids.device).view(-1, 1)
        self.rows = own_rows if batch_index is None else batch_index
        is_lost = (position_ids < 0) | (position_ids <= position_ids.amax(1, keepdim=True) - slots)
        self.write_slots = torch.where(is_lost, INVALID_INDEX, position_ids.remainder(slots))

    def is_of(self, position_ids: torch.Tensor, batch_index: torch.Tensor | None) -> bool:
        """Whether it is of the call with these very tensors."""
        return self.position_ids is position_ids and self.batch_index is batch_index
