"""Calls with pads where a prompt goes on, for a decoder that keeps states."""

from __future__ import annotations

import numpy as np

from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.prefill import PAD_POSITION, PAD_TOKEN


class SplitCalls:
    """Hands on every call of several tokens as two, each as long as that one: a row's first tokens, then the others.

    So a chunk in the middle of a prompt ends with pads, and holds fewer tokens than a convolution's kernel.

    Args:
        decoder: what is called.
        first: how many of a row's tokens come in the first of the two.
    """

    def __init__(self, decoder: Decoder, first: int) -> None:
        self._decoder = decoder
        self._first = first

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """As the decoder's; a row's logits are those of the call that has its last token."""
        if input_ids.shape[1] == 1:
            return self._decoder.run(input_ids, position_ids, batch_index)
        places = np.arange(input_ids.shape[1])
        early = places < self._first
        logits = self._decoder.run(
            np.where(early, input_ids, PAD_TOKEN), np.where(early, position_ids, PAD_POSITION), batch_index
        )
        late = np.roll(position_ids, -self._first, axis=1)
        late[:, input_ids.shape[1] - self._first :] = PAD_POSITION
        goes_on = late[:, 0] >= 0
        if goes_on.any():
            rest = self._decoder.run(np.roll(input_ids, -self._first, axis=1), late, batch_index)
            logits = np.where(goes_on[:, None, None], rest, logits)
        return logits
