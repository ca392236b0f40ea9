"""Several prompts with images on a runtime whose calls have one count of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qeff_codegen.checkout.prompts_apart import CannotBeCalled, DecoderForEach, OneCount, PrefillOneByOne

IMAGE = 9


class Recorded:
    """Keeps its calls, and gives the sum of each row's tokens as its one logit."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[list[int]], list[list[int]], Any]] = []
        self.image_idx: np.ndarray | None = None
        self.given: list[list[list[int]]] = []

    def run(
        self,
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        batch_index: np.ndarray | None = None,
        *,
        vision_embeds: np.ndarray | None = None,
        pixel_values: np.ndarray | None = None,
        image_idx: np.ndarray | None = None,
        **inputs: np.ndarray,
    ) -> np.ndarray:
        rows = None if batch_index is None else batch_index.ravel().tolist()
        self.calls.append((input_ids.tolist(), position_ids.tolist(), rows))
        if image_idx is not None:
            self.given.append(image_idx.tolist())
            self.image_idx = image_idx + 3
        return input_ids.sum(1).reshape(-1, 1, 1).astype(np.float32)


def test_each_row_has_a_decoder_of_its_own_with_its_pads() -> None:
    decoders = [Recorded(), Recorded(), Recorded()]
    tokens, positions = np.array([[4, 5], [6, 1], [1, 1]]), np.array([[0, 1], [0, -1], [-1, -1]])
    logits = DecoderForEach(decoders).run(tokens, positions)
    assert logits.ravel().tolist() == [9, 7, 0]
    assert [each.calls for each in decoders] == [
        [([[4, 5]], [[0, 1]], None)],
        [([[6, 1]], [[0, -1]], None)],
        [],
    ]


def test_prompts_are_prefilled_one_by_one_and_a_step_is_of_all() -> None:
    decoder = Recorded()
    apart = PrefillOneByOne(decoder, IMAGE)
    rows = np.array([[2], [0], [1]])
    logits = apart.run(np.array([[4, 5], [6, 1], [1, 1]]), np.array([[7, 8], [0, -1], [-1, -1]]), rows)
    assert logits.ravel().tolist() == [9, 6, 0]
    assert decoder.calls == [([[4, 5]], [[7, 8]], [2]), ([[6]], [[0]], [0])]
    decoder.calls.clear()
    logits = apart.run(np.array([[4], [6], [IMAGE]]), np.array([[9], [-1], [2]]), rows)
    assert logits.ravel().tolist() == [4, 0, IMAGE]
    assert decoder.calls == [([[4], [IMAGE]], [[9], [2]], [2, 1])]


def test_one_token_of_an_image_cannot_be_a_call() -> None:
    apart = PrefillOneByOne(Recorded(), IMAGE)
    with pytest.raises(CannotBeCalled, match="the last call of this prompt is one token of an image"):
        apart.run(np.array([[IMAGE, 1]]), np.array([[5, -1]]), np.array([[0]]))


def test_a_step_of_several_rows_has_one_count_and_leaves_theirs() -> None:
    decoder = Recorded()
    one = OneCount(decoder)
    counts = np.array([[4], [0]])
    one.run(np.array([[3], [5]]), np.array([[6], [7]]), np.array([[0], [1]]), image_idx=counts)
    assert decoder.given == [[[0]]]
    assert one.image_idx is not None and one.image_idx.tolist() == [[4], [0]]
    one.run(np.array([[3, 5]]), np.array([[6, 7]]), np.array([[1]]), image_idx=np.array([[2]]))
    assert decoder.given[-1] == [[2]]
    assert one.image_idx.tolist() == [[5]]
