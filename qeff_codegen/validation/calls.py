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

    def rows(self, position_ids: np.ndarray, batch_index: np.ndarray | None) -> list[CallRow]:
        """The call's rows that are not all padding.

        A row with position 0 begins the next prompt: prompts take cache rows in order, and no decode step is at
        position 0.
        """
        found = []
        for row, positions in enumerate(position_ids):
            if positions.max() < 0:
                continue
            cache_row = row if batch_index is None else int(batch_index[row, 0])
            if (positions == 0).any():
                self._prompt_in_cache_row[cache_row] = self._arrived
                self._arrived += 1
            prompt = self._prompt_in_cache_row[cache_row]
            step = max(0, int(positions.max()) - len(self._prompts[prompt]) + 1)
            found.append(CallRow(row, cache_row, prompt, step))
        return found
