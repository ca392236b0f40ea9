"""Positions of several kinds in the calls of a prompt's chunks, and of what follows it."""

from __future__ import annotations

import numpy as np
import pytest

from qeff_codegen.decoding.position_sections import PromptSections, sections_of_call, with_sections
from qeff_codegen.errors import UsageError

# Two tokens of text, an image of 2 x 2 tokens, a token of text: the next place is 7, and the next position 5.
IMAGE = PromptSections(np.array([[0, 1, 2, 2, 2, 2, 4], [0, 1, 2, 2, 3, 3, 4], [0, 1, 2, 3, 2, 3, 4]]), -2)
TEXT = PromptSections(np.array([[0, 1, 2]] * 3), 0)


def test_a_chunk_takes_its_part_of_each_prompt() -> None:
    found = sections_of_call([IMAGE, TEXT], np.array([[4, 5, 6], [0, 1, -1]]))
    assert found[:, 0].tolist() == [[2, 2, 4], [3, 3, 4], [2, 3, 4]]
    assert found[:, 1].tolist() == [[0, 1, -1]] * 3


def test_what_follows_counts_on_from_the_image() -> None:
    found = sections_of_call([IMAGE, TEXT], np.array([[7], [3]]))
    assert found[:, 0].tolist() == [[5]] * 3
    assert found[:, 1].tolist() == [[3]] * 3


def test_a_row_of_pads_has_none() -> None:
    assert (sections_of_call([IMAGE], np.array([[-1, -1]])) == -1).all()


def test_places_stand_above_what_tokens_are_rotated_by() -> None:
    places = np.array([[7], [3]])
    sections = sections_of_call([IMAGE, TEXT], places)
    assert with_sections(places, None) is places
    assert with_sections(places, sections)[:, :, 0].tolist() == [[7, 3], [5, 3], [5, 3], [5, 3]]


@pytest.mark.parametrize(("of_tokens", "ahead"), [([[0, 1], [-1, 0], [0, 1]], 0), ([[0, 1]] * 3, -3)])
def test_positions_below_0_have_no_row(of_tokens: list[list[int]], ahead: int) -> None:
    with pytest.raises(UsageError, match="go down to -1, and a program has cos and sin for positions from 0"):
        PromptSections(np.array(of_tokens), ahead)
