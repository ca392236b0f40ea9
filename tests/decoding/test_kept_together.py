"""Tokens that have to be in one call are in one chunk."""

from __future__ import annotations

import pytest

from qeff_codegen.decoding.image_prompts import kept_together
from qeff_codegen.decoding.prefill import PAD_POSITION, check_prompts, prefill_chunks
from qeff_codegen.errors import UsageError

IMAGE = 9
PROMPT = (1, 2, IMAGE, IMAGE, IMAGE, 3, IMAGE, IMAGE, 4, 5)


def chunks(prompt: tuple[int, ...], prefill_seq_len: int, ctx_len: int = 16) -> list[list[int]]:
    """The positions of each chunk's tokens."""
    together = kept_together("image", IMAGE)
    return [
        [place for place in position_ids[0].tolist() if place != PAD_POSITION]
        for _, position_ids in prefill_chunks([prompt], prefill_seq_len, ctx_len, None, together)
    ]


def test_a_chunk_ends_before_an_image_that_does_not_fit() -> None:
    assert chunks(PROMPT, 4) == [[0, 1], [2, 3, 4, 5], [6, 7, 8, 9]]
    assert chunks(PROMPT, 3) == [[0, 1], [2, 3, 4], [5, 6, 7], [8, 9]]
    assert chunks(PROMPT, 5) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_images_side_by_side_are_one_run() -> None:
    (own,) = [kept_together("image", IMAGE)]
    assert own is not None and own((IMAGE, IMAGE, 1, IMAGE)) == [range(0, 2), range(3, 4)]


def test_a_prompt_may_be_one_run() -> None:
    own = kept_together("prompt", IMAGE)
    assert own is not None and own((1, 2, 3)) == [range(0, 3)]
    assert kept_together(None, IMAGE) is None


def test_a_run_that_is_longer_than_a_call_is_said() -> None:
    with pytest.raises(UsageError, match="prompt 1 has 3 tokens that attend to one another both ways.* 2"):
        check_prompts([(1,), PROMPT], 2, 16, kept_together("image", IMAGE))


def test_a_prompt_that_fills_the_context_has_no_pads_in_its_last_chunk() -> None:
    assert chunks(PROMPT, 5, ctx_len=10)[-1] == [5, 6, 7, 8, 9]
    with pytest.raises(UsageError, match="prompt 0 fills the context of 10 slots"):
        chunks(PROMPT, 3, ctx_len=10)
