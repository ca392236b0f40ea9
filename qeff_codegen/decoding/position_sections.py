"""Positions of several kinds, as an image's tokens have them: of whole prompts, and of the calls that take them.

A prompt's are made at once, since they follow from the sizes of its images; those of tokens that are generated count
on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qeff_codegen.decoding.prefill import PAD_POSITION
from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class PromptSections:
    """What a prompt's tokens are rotated by, and those that follow.

    Attributes:
        of_tokens: int64 `[kinds, tokens]`.
        ahead: how far the tokens that follow are ahead of their places in the text; mostly below 0.

    Raises:
        UsageError: a token has a position below 0, of which the tables of cos and sin have no row.
    """

    of_tokens: np.ndarray
    ahead: int

    def __post_init__(self) -> None:
        following = self.of_tokens.shape[1] + self.ahead
        lowest = min(int(self.of_tokens.min(initial=0)), following)
        if lowest < 0:
            raise UsageError(
                f"the positions of this prompt go down to {lowest}, and a program has cos and sin for positions from "
                "0 on. Have the model's own method for positions count from 0."
            )


def sections_of_call(sections: Sequence[PromptSections], position_ids: np.ndarray) -> np.ndarray:
    """What the tokens of one call are rotated by, `[kinds, batch_size, seq_len]`.

    Args:
        sections: of the prompt in each row.
        position_ids: int64 `[batch_size, seq_len]`, the tokens' places in the text, -1 for pads.
    """
    kinds = len(sections[0].of_tokens)
    found = np.full((kinds, *position_ids.shape), PAD_POSITION, np.int64)
    for row, (own, places) in enumerate(zip(sections, position_ids, strict=True)):
        in_prompt = (places > PAD_POSITION) & (places < own.of_tokens.shape[1])
        found[:, row, in_prompt] = own.of_tokens[:, places[in_prompt]]
        is_later = places >= own.of_tokens.shape[1]
        found[:, row, is_later] = places[is_later] + own.ahead
    return found


def with_sections(position_ids: np.ndarray, position_sections: np.ndarray | None) -> np.ndarray:
    """What a graph takes as `position_ids`: the places, and below them what tokens are rotated by, if it is given."""
    if position_sections is None:
        return position_ids
    return np.concatenate([position_ids[None], position_sections])
