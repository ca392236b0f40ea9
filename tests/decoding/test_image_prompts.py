"""Every call is handed the images of its rows' prompts, and the count goes on where it stood."""

from __future__ import annotations

import numpy as np
import pytest

from qeff_codegen.decoding.image_prompts import WithImages, WithPixels
from qeff_codegen.errors import UsageError

TOKEN = 9


class Noted:
    """Counts image tokens, and notes what it was handed."""

    def __init__(self) -> None:
        self.image_idx: np.ndarray | None = None
        self.calls: list[tuple[list[float], list[int]]] = []
        self.shapes: list[tuple[int, ...]] = []
        self.others: list[dict[str, np.ndarray]] = []

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
        images = vision_embeds if pixel_values is None else pixel_values
        assert images is not None and image_idx is not None
        self.calls.append((images.reshape(len(images), -1)[:, 0].tolist(), image_idx[:, 0].tolist()))
        self.shapes.append(images.shape)
        self.others.append(inputs)
        self.image_idx = image_idx + ((input_ids == TOKEN) & (position_ids >= 0)).sum(1, keepdims=True)
        return np.zeros((len(input_ids), 1, 4), np.float32)


def image(value: float, tokens: int) -> np.ndarray:
    return np.full((tokens, 2), value, np.float32)


def call(
    decoder: WithImages, tokens: list[list[int]], positions: list[list[int]], rows: list[int] | None = None
) -> None:
    index = None if rows is None else np.array(rows)[:, None]
    decoder.run(np.array(tokens), np.array(positions), index)


def test_rows_go_on_where_they_stood() -> None:
    noted = Noted()
    decoder = WithImages(noted, [[9, 9, 1], [1, 9]], [image(1.0, 2), image(2.0, 1)], TOKEN)
    call(decoder, [[9, 9], [1, 9]], [[0, 1], [0, 1]])
    call(decoder, [[1, 0], [0, 0]], [[2, -1], [-1, -1]])
    assert noted.calls == [([1.0, 2.0], [0, 0]), ([1.0, 2.0], [2, 1])]


def test_a_slot_that_is_taken_again_has_the_next_prompt_s_images() -> None:
    noted = Noted()
    prompts = [[9], [1], [9, 9]]
    decoder = WithImages(noted, prompts, [image(1.0, 1), image(0.0, 0), image(3.0, 2)], TOKEN)
    call(decoder, [[9, 0]], [[0, -1]], [0])
    call(decoder, [[1, 0]], [[0, -1]], [1])
    call(decoder, [[9, 9]], [[0, 1]], [0])
    call(decoder, [[4], [5]], [[2], [1]], [0, 1])
    assert noted.calls == [([1.0], [0]), ([0.0], [0]), ([3.0], [0]), ([1.0], [2, 0])]


def test_a_step_of_decoding_is_handed_one_embedding_since_it_places_none() -> None:
    noted = Noted()
    decoder = WithImages(noted, [[9, 9, 1], [1, 9]], [image(1.0, 2), image(2.0, 1)], TOKEN)
    call(decoder, [[9, 9, 1], [1, 9, 0]], [[0, 1, 2], [0, 1, -1]])
    call(decoder, [[4], [5]], [[3], [2]])
    assert noted.shapes == [(2, 2, 2), (1, 1, 2)]


def test_what_else_a_call_is_given_is_handed_on() -> None:
    noted, lengths = Noted(), np.zeros(8, np.int64)
    decoder = WithImages(noted, [[1]], [image(0.0, 0)], TOKEN)
    decoder.run(np.array([[1, 0]]), np.array([[0, -1]]), comp_ctx_lengths=lengths)
    assert noted.others == [{"comp_ctx_lengths": lengths}]


def test_each_row_s_pixels_go_into_every_call() -> None:
    noted = Noted()
    pixels = [np.full((3, 4, 4), value, np.float32) for value in (1.0, 2.0)]
    decoder = WithPixels(noted, [[9, 9], [1, 1]], pixels, [2, 0], TOKEN)
    call(decoder, [[9, 9], [1, 1]], [[0, 1], [0, 1]])
    call(decoder, [[4], [5]], [[2], [2]])
    assert noted.calls == [([1.0, 2.0], [0, 0]), ([1.0, 2.0], [2, 0])]


def test_a_prompt_with_another_number_of_image_tokens_is_said() -> None:
    with pytest.raises(UsageError, match="prompt 0 has 1 image tokens, and its images have 2 embeddings"):
        WithImages(Noted(), [[9, 1]], [image(1.0, 2)], TOKEN)
