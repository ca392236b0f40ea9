"""Caches of windows, each without a part of what makes them right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qeff_codegen.runtime import cache_utils, windows
from qeff_codegen.runtime.constants import INVALID_INDEX
from qeff_codegen.runtime.windows import WindowCall, positions_before

_beside_window = cache_utils._beside_window


def _read_after_writing(kept: torch.Tensor, new_states: torch.Tensor, call: WindowCall) -> Any:
    """A chunk reads what it has written over."""
    read, written = _beside_window(kept, new_states, call)
    after, _ = _beside_window(written, new_states, call)
    return torch.cat([after[:, :, : call.slots], read[:, :, call.slots :]], dim=2), written


def _slots_as_positions(position_ids: torch.Tensor, slots: int) -> torch.Tensor:
    return torch.arange(slots).expand(len(position_ids), slots)


def _row_never_begins(position_ids: torch.Tensor, slots: int) -> torch.Tensor:
    """Each slot holds something, as if the row had always been full: zeros, or another text."""
    before = positions_before(position_ids, slots)
    return torch.where(before < 0, before.remainder(slots), before)


def _first_row_for_all(position_ids: torch.Tensor, slots: int) -> torch.Tensor:
    return positions_before(position_ids[:1].expand_as(position_ids), slots)


class _PadsWritten(WindowCall):
    """As without rows of their own in a cache of the whole context: a pad takes the last slot."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        at_last = (self.position_ids < 0) & (self.position_ids.amax(1, keepdim=True) >= 0)
        self.write_slots = torch.where(at_last, self.slots - 1, self.write_slots)


class _IdleRowsWritten(WindowCall):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        is_idle = self.position_ids.amax(1, keepdim=True) < 0
        self.write_slots = torch.where(is_idle, 0, self.write_slots)


class _OwnRowsWritten(WindowCall):
    """Rows are read as `batch_index` says, and written as if there was none."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rows = torch.arange(len(self.position_ids)).view(-1, 1)


class _EarlierWritten(WindowCall):
    """Of two tokens of a call with the same slot, the earlier is kept."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        first = self.position_ids[:, :1]
        is_lost = (self.position_ids < 0) | (self.position_ids >= first + self.slots)
        self.write_slots = torch.where(is_lost, INVALID_INDEX, self.position_ids.remainder(self.slots))


def _replaced(place: Any, name: str, broken: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(place, name, broken)


BROKEN = {
    "a chunk reads what it has overwritten": _replaced(cache_utils, "_beside_window", _read_after_writing),
    "keys are masked by their slot": _replaced(windows, "positions_before", _slots_as_positions),
    "a row begins with slots that nobody wrote": _replaced(windows, "positions_before", _row_never_begins),
    "rows are taken to be at one position": _replaced(windows, "positions_before", _first_row_for_all),
    "pads are written": _replaced(cache_utils, "WindowCall", _PadsWritten),
    "idle rows are written": _replaced(cache_utils, "WindowCall", _IdleRowsWritten),
    "other rows are written": _replaced(cache_utils, "WindowCall", _OwnRowsWritten),
    "the earlier of two tokens keeps a slot": _replaced(cache_utils, "WindowCall", _EarlierWritten),
}
