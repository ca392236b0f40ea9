"""How much of the context each call reads: the shortest of some lengths that holds every position in use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qeff_codegen.decoding.decoding import Run


class ContextLengths:
    """Chooses `comp_ctx_lengths` for every call of a decoder that takes it.

    Args:
        run: `run` of the decoder.
        prefill: lengths that prefill chunks may read, in slots, the shortest first.
        decode: the same for calls of one token.
        ctx_len: slots per cache row, which any call may read.
    """

    def __init__(self, run: Run, prefill: Sequence[int], decode: Sequence[int], ctx_len: int) -> None:
        self._run = run
        self._prefill = (*prefill, ctx_len)
        self._decode = (*decode, ctx_len)

    def run(self, input_ids: np.ndarray, position_ids: np.ndarray, **inputs: np.ndarray) -> np.ndarray:
        """One call, as the decoder's own."""
        lengths = self._decode if input_ids.shape[1] == 1 else self._prefill
        length = next(length for length in lengths if length > position_ids.max())
        return self._run(input_ids, position_ids, comp_ctx_lengths=np.zeros(length, dtype=np.int64), **inputs)
