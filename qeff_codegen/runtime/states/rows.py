"""Reading states by row and writing them back: rows that begin, rows that are idle, rows named by `batch_index`."""

from __future__ import annotations

from functools import cached_property

import torch

from qeff_codegen.runtime.constants import INVALID_INDEX
from qeff_codegen.runtime.customop import CtxScatterFuncCB, CtxScatterFuncCB3D


class CallRows:
    """What a call does with each of its rows.

    A row's valid tokens stand in front of its pads, so its first position says whether it begins (0), goes on (more)
    or is idle (-1).

    Args:
        position_ids: `[batch_size, seq_len]`, -1 for pads.
        batch_index: `[batch_size, 1]`, the row of the state that a row of the call reads and writes; None where they
            are the same.
    """

    def __init__(self, position_ids: torch.Tensor, batch_index: torch.Tensor | None) -> None:
        self.position_ids = position_ids
        self.batch_index = batch_index

    @cached_property
    def begins(self) -> torch.Tensor:
        """`[batch_size]`, which rows start from zeros."""
        return self.position_ids[:, 0] == 0

    @cached_property
    def idle(self) -> torch.Tensor:
        """`[batch_size]`, which rows are nothing but pads."""
        return self.position_ids[:, 0] < 0

    @cached_property
    def count(self) -> torch.Tensor:
        """`[batch_size]`, how many tokens each row has."""
        return (self.position_ids >= 0).sum(1)


def read_rows(state: torch.Tensor, rows: CallRows) -> torch.Tensor:
    """Returns the state of each row of the call, zeros for those that begin.

    Args:
        state: `[rows, ...]`, of three or four axes.
        rows: the call's.
    """
    if rows.batch_index is not None:
        # An idle row may name any row, -1 too: what it reads it does not write.
        state = state.index_select(0, rows.batch_index[:, 0].clamp(min=0))
    begins = rows.begins[:, None, None] if state.dim() == 3 else rows.begins[:, None, None, None]
    return torch.where(begins, 0.0, state)


def written_rows(state: torch.Tensor, new: torch.Tensor, rows: CallRows) -> torch.Tensor:
    """Returns the state with the call's rows replaced, in the type the state has.

    Without `batch_index` the new rows are the state: an idle row's is what it was, since pads change nothing.

    Args:
        state: `[rows, ...]`, of three or four axes.
        new: `[batch_size, ...]`, the axes of `state`.
        rows: the call's.
    """
    new = new.to(state.dtype)
    if rows.batch_index is None:
        return new
    # The operators write slots of a context: a state's are all entries of the axis before the last.
    slots = torch.arange(state.shape[-2], device=state.device)
    slots = torch.where(rows.idle[:, None], INVALID_INDEX, slots)
    scatter = CtxScatterFuncCB3D if state.dim() == 3 else CtxScatterFuncCB
    return scatter.apply(state, rows.batch_index, slots, new)
