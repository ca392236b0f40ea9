"""A decoder that cannot take pads gets none, and its answers land in the rows they are for."""

from __future__ import annotations

import numpy as np
import pytest

from qeff_codegen.validation.unpadded import Unpadded


class Echo:
    """Answers with what it was called with: the sum of a row's tokens, and the row of the cache."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[list[int]], list[list[int]], list[int]]] = []

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        assert batch_index is not None
        self.calls.append((input_ids.tolist(), position_ids.tolist(), batch_index[:, 0].tolist()))
        return np.stack([input_ids.sum(1), batch_index[:, 0]], -1)[:, None].astype(np.float32)


def called(input_ids: list[list[int]], position_ids: list[list[int]], rows: list[int]) -> tuple[Echo, np.ndarray]:
    echo = Echo()
    logits = Unpadded(echo).run(np.array(input_ids), np.array(position_ids), np.array(rows)[:, None])
    return echo, logits


def test_a_last_chunk_has_its_prompts_tokens_alone() -> None:
    echo, logits = called([[5, 6, 0, 0]], [[4, 5, -1, -1]], [1])
    assert echo.calls == [([[5, 6]], [[4, 5]], [1])]
    assert logits.tolist() == [[[11, 1]]]


def test_a_row_without_a_prompt_is_left_out() -> None:
    echo, logits = called([[7], [0], [9]], [[3], [-1], [8]], [0, 1, 2])
    assert echo.calls == [([[7], [9]], [[3], [8]], [0, 2])]
    assert logits.tolist() == [[[7, 0]], [[0, 0]], [[9, 2]]]


def test_rows_of_different_lengths_are_called_apart() -> None:
    echo, logits = called([[1, 2], [3, 0], [4, 5]], [[0, 1], [0, -1], [6, 7]], [0, 1, 2])
    assert echo.calls == [([[3]], [[0]], [1]), ([[1, 2], [4, 5]], [[0, 1], [6, 7]], [0, 2])]
    assert logits.tolist() == [[[3, 0]], [[3, 1]], [[9, 2]]]


def test_what_cannot_be_called_is_said() -> None:
    with pytest.raises(ValueError, match="nothing but pads"):
        called([[0]], [[-1]], [0])
    with pytest.raises(ValueError, match="batch_index"):
        Unpadded(Echo()).run(np.array([[1]]), np.array([[0]]))
