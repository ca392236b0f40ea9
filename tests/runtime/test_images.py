"""Image embeddings stand where image tokens stand, whatever chunks and rows a prompt comes in."""

from __future__ import annotations

import pytest
import torch

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.images import place_deep_embeds, place_image_embeds, text_model_of

HIDDEN = 4


def embeds(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, HIDDEN, generator=torch.Generator().manual_seed(sum(shape)))


def positions(*rows: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor(rows)


def test_each_image_token_takes_the_next_embedding_of_its_row() -> None:
    text, images = embeds(2, 4), embeds(2, 5)
    is_image = torch.tensor([[False, True, True, False], [True, False, False, True]])
    placed, used = place_image_embeds(
        text, is_image, positions((0, 1, 2, 3), (4, 5, 6, 7)), images, torch.tensor([[0], [2]])
    )
    expected = text.clone()
    expected[0, 1:3] = images[0, :2]
    expected[1, 0], expected[1, 3] = images[1, 2], images[1, 3]
    assert torch.equal(placed, expected)
    assert used.tolist() == [[2], [4]]


def test_a_chunk_without_image_tokens_leaves_the_count() -> None:
    text = embeds(1, 3)
    placed, used = place_image_embeds(
        text, torch.zeros(1, 3, dtype=torch.bool), positions((5, 6, 7)), embeds(1, 2), torch.tensor([[2]])
    )
    assert torch.equal(placed, text)
    assert used.tolist() == [[2]]


def test_nothing_is_placed_while_decoding_or_at_a_pad() -> None:
    text = embeds(3, 1)
    placed, used = place_image_embeds(
        text,
        torch.ones(3, 1, dtype=torch.bool),
        positions((9,), (4,), (-1,)),
        embeds(1, 2),
        torch.tensor([[2], [0], [1]]),
    )
    assert torch.equal(placed, text)
    assert used.tolist() == [[2], [0], [1]]
    padded = embeds(1, 2)
    placed, used = place_image_embeds(
        padded, torch.ones(1, 2, dtype=torch.bool), positions((0, -1)), embeds(1, 2), torch.tensor([[0]])
    )
    assert torch.equal(placed[0, 1], padded[0, 1])
    assert used.tolist() == [[1]]


def test_a_text_model_without_a_mapping_entry_is_said() -> None:
    class Text(torch.nn.Module):
        def forward(self, inputs_embeds: torch.Tensor) -> torch.Tensor:
            return inputs_embeds

    with pytest.raises(UsageError, match="is a Text, which is no QEff model"):
        text_model_of(torch.nn.Module(), Text())


def test_what_goes_into_layers_stands_where_embeddings_do_and_nothing_elsewhere() -> None:
    deep = embeds(3, 2, 5)
    is_image = torch.tensor([[False, True, True, False], [True, False, False, True]])
    rows = positions((0, 1, 2, 3), (4, 5, 6, -1))
    placed = place_deep_embeds(is_image, rows, deep, torch.tensor([[0], [2]]))
    expected = torch.zeros(3, 2, 4, HIDDEN)
    expected[:, 0, 1:3] = deep[:, 0, :2]
    # The last token of the second row is a pad.
    expected[:, 1, 0] = deep[:, 1, 2]
    assert torch.equal(placed, expected)


def test_a_step_of_decoding_puts_nothing_into_layers() -> None:
    placed = place_deep_embeds(torch.tensor([[True]]), positions((7,)), embeds(2, 1, 1), torch.tensor([[0]]))
    assert torch.equal(placed, torch.zeros(2, 1, 1, HIDDEN))


def test_a_text_model_that_is_generated_for_text_alone_is_refused() -> None:
    class Text(torch.nn.Module):
        def forward(self, inputs_embeds: torch.Tensor, batch_index: torch.Tensor) -> None:
            """Takes no sections of positions."""

    with pytest.raises(UsageError, match="does not take `position_sections`: it is generated for text alone"):
        text_model_of(torch.nn.Module(), Text(), takes="position_sections")
