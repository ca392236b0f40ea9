"""Each call reads the shortest length that holds every position in use."""

from __future__ import annotations

import numpy as np

from qeff_codegen.decoding.context_lengths import ContextLengths


def test_the_shortest_length_that_holds_all_positions() -> None:
    lengths = []

    def run(input_ids: np.ndarray, position_ids: np.ndarray, **inputs: np.ndarray) -> np.ndarray:
        lengths.append((len(inputs["comp_ctx_lengths"]), "batch_index" in inputs))
        return np.zeros(0)

    chosen = ContextLengths(run, [16, 32], [8, 24], 64)
    prefill = [[[0, 1], [0, -1]], [[14, 15], [-1, -1]], [[15, 16], [0, 1]], [[62, 63], [-1, -1]]]
    decode = [[[7], [-1]], [[3], [8]], [[23], [0]], [[24], [0]], [[63], [-1]]]
    for position_ids in (*prefill, *decode):
        chosen.run(np.zeros_like(position_ids), np.array(position_ids), batch_index=np.zeros((2, 1)))
    assert lengths == [(length, True) for length in (16, 16, 32, 64, 8, 24, 24, 64, 64)]
