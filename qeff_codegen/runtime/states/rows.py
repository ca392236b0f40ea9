"""Reading states by row and writing them back: rows that begin, rows that are idle, rows named by `batch_index`."""

from __future__ import annotations

from functools import cached_property

import torch


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
        self._named: torch.Tensor | None = None

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

    def named(self, state_rows: int) -> torch.Tensor | None:
        """`[batch_size]`, the row of a state that each row goes on from and comes to; None where they are the same.

        An idle row names a row that no other one does, so that all can be written at once: it writes what it read. Its
        own `batch_index` may be anything.

        Args:
            state_rows: rows of every state, at least as many as the call has: so there is one that is not named.
        """
        if self.batch_index is not None and self._named is None:
            rows, named = torch.arange(state_rows, device=self.position_ids.device), self.batch_index[:, 0]
            goes_on = (rows[:, None] == named) & ~self.idle
            free = torch.where(goes_on.sum(1) == 0, rows, 0).amax(0, keepdim=True)
            self._named = torch.where(self.idle, free, named)
        return self._named


def read_rows(state: torch.Tensor, rows: CallRows) -> torch.Tensor:
    """Returns the state of each row of the call, zeros for those that begin.

    Args:
        state: `[rows, ...]`, of three or four axes.
        rows: the call's.
    """
    named = rows.named(state.shape[0])
    if named is not None:
        state = state.index_select(0, named)
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
    named = rows.named(state.shape[0])
    return new if named is None else state.index_put((named,), new)
