"""Calls without padding, for a decoder that cannot take pads."""

from __future__ import annotations

import numpy as np

from qeff_codegen.decoding.decoder import Decoder


class Unpadded:
    """Hands every call on without its pads: each row with its own tokens, and no row that has none.

    Rows of different lengths cannot share a call then, so those of each length get one.

    Args:
        decoder: what is called; `batch_index` tells it which rows of the cache are meant.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """As the decoder's; the logits of a row that is all pads are zeros, and mean nothing.

        Raises:
            ValueError: the call has no `batch_index`, or nothing but pads.
        """
        if batch_index is None:
            raise ValueError("rows can be left out of a call only where batch_index says which are meant")
        real = position_ids >= 0
        lengths = real.sum(1)
        answers: list[tuple[np.ndarray, np.ndarray]] = []
        for length in np.unique(lengths[lengths > 0]):
            rows = np.flatnonzero(lengths == length)
            tokens, positions = (
                each[rows][real[rows]].reshape(len(rows), length) for each in (input_ids, position_ids)
            )
            answers.append((rows, self._decoder.run(tokens, positions, batch_index[rows])))
        if not answers:
            raise ValueError("the call has nothing but pads")
        logits = np.zeros((len(position_ids), *answers[0][1].shape[1:]), answers[0][1].dtype)
        for rows, answer in answers:
            logits[rows] = answer
        return logits
