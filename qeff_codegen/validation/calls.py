"""Which prompt each row of a decoder call belongs to, and which of its tokens the call is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qeff_codegen.validation.scenarios import Scenario


@dataclass(frozen=True)
class CallRow:
    """One row of a call that holds tokens of a prompt.

    Attributes:
        row: index in the call's batch.
        cache_row: index in the KV cache.
        prompt: index of the prompt in the scenario.
        step: generated-token index; 0 for every call of the prompt's prefill.
    """

    row: int
    cache_row: int
    prompt: int
    step: int


class CallTracker:
    """Follows the calls of one scenario, which arrive in order."""

    def __init__(self, scenario: Scenario) -> None:
        self._prompts = scenario.prompts
        self._arrived = 0
        self._prompt_in_cache_row: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._long_context = scenario.long_context

    def rows(self, position_ids: np.ndarray, batch_index: np.ndarray | None) -> list[CallRow]:
        """The call's rows that are not all padding, and hold no token before its turn.

        A row with position 0 begins the next prompt: prompts take cache rows in order, and no decode step is at
        position 0. Or its prompt begins again, where it crosses the original context of LongRoPE.
        """
        found = []
        for row, positions in enumerate(position_ids):
            if positions.max() < 0:
                continue
            cache_row = row if batch_index is None else int(batch_index[row, 0])
            if (positions == 0).any() and not self._begins_again(cache_row):
                self._prompt_in_cache_row[cache_row] = self._arrived
                self._arrived += 1
            self._last[cache_row] = int(positions.max())
            given = positions[positions >= 0]
            if given[-1] - given[0] >= len(given):
                continue
            prompt = self._prompt_in_cache_row[cache_row]
            step = max(0, int(positions.max()) - len(self._prompts[prompt]) + 1)
            found.append(CallRow(row, cache_row, prompt, step))
        return found

    def _begins_again(self, cache_row: int) -> bool:
        """Whether a row decoded its prompt up to the original context, and the model begins again there."""
        long_context, prompt = self._long_context, self._prompt_in_cache_row.get(cache_row)
        return (
            long_context is not None
            and long_context.begins_again
            and prompt is not None
            and len(self._prompts[prompt]) <= long_context.long_from == self._last[cache_row] + 1
        )
