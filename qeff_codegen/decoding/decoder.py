"""What can be called token by token, whatever runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Decoder(Protocol):
    """What `TorchDecoder` and `OrtDecoderSession` have in common."""

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """One call: input_ids and position_ids `[batch_size, seq_len]` to logits `[batch_size, 1, vocab]`."""
