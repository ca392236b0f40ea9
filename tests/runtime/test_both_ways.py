"""Tokens that attend to one another both ways see what comes later, and nothing else changes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.images import block_of_prompt, blocks_of_images, has_relative_positions
from qeff_codegen.runtime.modeling_attn_mask_utils import (
    _create_causal_mask,
    _create_chunked_causal_mask,
    attending_within,
)

# An image of two tokens, one of three with a token of text before, a pad.
POSITIONS = torch.tensor([[4, 5, 6, 7, 8, 9, 10, -1]])
IS_IMAGE = torch.tensor([[True, True, False, True, True, True, False, True]])

MASK = _create_causal_mask(POSITIONS, 12)


def seen(mask: torch.Tensor) -> list[list[int]]:
    """The slots that each query of the first row may attend to."""
    return [[slot for slot, forbidden in enumerate(row) if not forbidden] for row in mask[0, 0].tolist()]


def test_an_image_s_tokens_see_all_of_it() -> None:
    with attending_within(blocks_of_images(IS_IMAGE, POSITIONS)):
        mask = _create_causal_mask(POSITIONS, 12)
    lasts = (5, 5, 6, 9, 9, 9, 10)
    assert seen(mask) == [list(range(last + 1)) for last in lasts] + [[]]


def test_a_window_ends_where_it_does() -> None:
    with attending_within(blocks_of_images(IS_IMAGE, POSITIONS)):
        mask = _create_causal_mask(POSITIONS, 12, sliding_window=2)
    assert seen(mask) == [[3, 4, 5], [4, 5], [5, 6], [6, 7, 8, 9], [7, 8, 9], [8, 9], [9, 10], []]


def test_an_image_s_tokens_see_all_of_it_in_windows_alone() -> None:
    with attending_within(blocks_of_images(IS_IMAGE, POSITIONS, in_windows=True)):
        whole, window = _create_causal_mask(POSITIONS, 12), _create_causal_mask(POSITIONS, 12, sliding_window=2)
    assert torch.equal(whole, _create_causal_mask(POSITIONS, 12))
    assert seen(window) == [[3, 4, 5], [4, 5], [5, 6], [6, 7, 8, 9], [7, 8, 9], [8, 9], [9, 10], []]


def test_an_image_s_tokens_see_all_of_it_past_windows() -> None:
    with attending_within(blocks_of_images(IS_IMAGE, POSITIONS, past_windows=True)):
        whole, window = _create_causal_mask(POSITIONS, 12), _create_causal_mask(POSITIONS, 12, sliding_window=2)
    lasts = (5, 5, 6, 9, 9, 9, 10)
    assert seen(whole) == [list(range(last + 1)) for last in lasts] + [[]]
    assert seen(window) == [[3, 4, 5], [4, 5], [5, 6], [6, 7, 8, 9], [7, 8, 9], [7, 8, 9], [9, 10], []]


def test_where_no_tokens_attend_to_one_another_masks_are_as_ever() -> None:
    with attending_within(None):
        assert torch.equal(_create_causal_mask(POSITIONS, 12), MASK)


def test_a_prompt_s_tokens_see_all_of_it_whatever_the_window() -> None:
    positions = torch.tensor([[0, 1, 2, 3, -1], [0, 1, -1, -1, -1]])
    for window in (None, 2):
        with attending_within(block_of_prompt(positions)):
            mask = _create_causal_mask(positions, 6, sliding_window=window)
        assert seen(mask) == [[0, 1, 2, 3]] * 4 + [[]]
        assert seen(mask[1:]) == [[0, 1]] * 2 + [[]] * 3


def test_a_step_of_decoding_is_causal() -> None:
    positions = torch.tensor([[7]])
    for blocks in (block_of_prompt(positions), blocks_of_images(torch.tensor([[True]]), positions)):
        for window in (None, 3):
            with attending_within(blocks):
                mask = _create_causal_mask(positions, 10, sliding_window=window)
            assert torch.equal(mask, _create_causal_mask(positions, 10, sliding_window=window))


def test_masks_of_other_kinds_are_said() -> None:
    blocks = blocks_of_images(IS_IMAGE, POSITIONS)
    with pytest.raises(UsageError, match="makes a mask of its own"), attending_within(blocks):
        pass
    with pytest.raises(UsageError, match="attends in chunks"), attending_within(blocks):
        _create_chunked_causal_mask(POSITIONS, 12, 4)
    # Nothing of it stays.
    assert seen(_create_causal_mask(POSITIONS, 12))[0] == [0, 1, 2, 3, 4]


class Text(nn.Module):
    def __init__(self, rope: dict[str, object] | None, tables: int = 1) -> None:
        super().__init__()
        self.config = SimpleNamespace(rope_parameters=rope)
        self.tables = nn.ModuleList(nn.Embedding(3, 2) for _ in range(tables))

    def get_input_embeddings(self) -> nn.Module:
        return self.tables[0]


@pytest.mark.parametrize(
    ("rope", "tables"),
    [
        (None, 1),
        ({"rope_type": "default"}, 2),
        ({"rope_type": "longrope"}, 1),
        ({"full_attention": {"rope_type": "dynamic"}}, 1),
    ],
)
def test_positions_that_matter_by_themselves_are_said(rope: dict[str, object] | None, tables: int) -> None:
    with pytest.raises(UsageError, match="counts those of images from 1"):
        has_relative_positions(Text(rope, tables))
    text = Text({"full_attention": {"rope_type": "linear"}})
    assert has_relative_positions(text) is text
