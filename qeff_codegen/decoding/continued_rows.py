"""Where each row of a cache with states or windows stands, and that every call goes on there.

Where keys and values have a slot for each position, a call may write any of them, and again. A state is what a row has
come to: it can be begun anew, at position 0, and gone on with. So can a window: which positions stand in its slots
follows from where the call begins. A call that begins elsewhere would get an answer that looks right and is not.
"""

from __future__ import annotations

import numpy as np

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.states import LONGEST_CALL


class ContinuedRows:
    """Follows the calls of one decoder, whose cache was empty before the first of them.

    Args:
        rows: rows of the cache.
        keeps_states: whether some layer keeps a state; otherwise some layer keeps a window.
    """

    def __init__(self, rows: int, *, keeps_states: bool) -> None:
        self._lengths = [0] * rows
        self._keeps_states = keeps_states
        self._kept = "states" if keeps_states else "windows"

    def take(self, position_ids: np.ndarray, batch_index: np.ndarray | None) -> None:
        """Takes note of a call.

        Args:
            position_ids: int64 `[batch_size, seq_len]`, -1 for pads.
            batch_index: int64 `[batch_size, 1]`, the cache row of each row; None where they are the same.

        Raises:
            UsageError: it is longer than a state can take, or has more rows than the cache, or a row of it does not go
                on where its cache row stands.
        """
        if len(position_ids) > len(self._lengths):
            raise UsageError(
                f"a call has {len(position_ids)} rows, and the cache of this model, which keeps {self._kept}, has "
                f"{len(self._lengths)}. Make the cache of as many rows, or pass the rows in several calls."
            )
        if self._keeps_states and position_ids.shape[1] > LONGEST_CALL:
            raise UsageError(
                f"a call has {position_ids.shape[1]} tokens, and this model keeps states, which take at most "
                f"{LONGEST_CALL} at once. Pass the prompt in chunks: prefill_seq_len is at most {LONGEST_CALL}."
            )
        lengths = dict[int, int]()
        for row, positions in enumerate(position_ids):
            count = int((positions >= 0).sum())
            if not count:
                continue
            cache_row = row if batch_index is None else int(batch_index[row, 0])
            if cache_row in lengths:
                raise UsageError(
                    f"two rows of a call go on in row {cache_row} of the cache, and this model keeps {self._kept}, "
                    "which a row has once. Give each row of a call its own."
                )
            first = int(positions[0])
            if not np.array_equal(positions[:count], np.arange(first, first + count)):
                raise UsageError(
                    f"row {row} of a call has the positions {positions.tolist()}: this model keeps {self._kept}, for "
                    "which a row's tokens follow one another and its pads stand behind them."
                )
            stands = self._lengths[cache_row]
            if first not in (0, stands):
                raise UsageError(
                    f"row {row} of a call begins at position {first}, and row {cache_row} of the cache has "
                    f"{f'{stands} tokens' if stands else 'none'}: this model keeps {self._kept}, which begin at "
                    f"position 0 or go on where they are. Begin the text at position 0, or go on at position {stands}."
                )
            lengths[cache_row] = first + count
        for cache_row, length in lengths.items():
            self._lengths[cache_row] = length
