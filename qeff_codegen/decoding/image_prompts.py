"""Prompts with images, for a decoder that takes images: which call gets which, and how far each row is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

import numpy as np

from qeff_codegen.decoding.position_sections import PromptSections, sections_of_call
from qeff_codegen.decoding.prefill import PAD_POSITION, Together
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import DEEPSTACK_FEATURES, PIXEL_VALUES, VISION_EMBEDS


class ImageDecoder(Protocol):
    """What `TorchDecoder` and `OrtDecoderSession` have in common where images are taken.

    Attributes:
        image_idx: int64 `[batch_size, 1]`, how many image embeddings each row of the last call has used.
    """

    image_idx: np.ndarray | None

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
        """One call, as theirs."""


def check_image_tokens(prompts: Sequence[Sequence[int]], num_embeds: Sequence[int], image_token: int) -> None:
    """Makes sure that each prompt has as many image tokens as its images have embeddings.

    Raises:
        UsageError: naming the prompt that has another number.
    """
    for index, (prompt, wanted) in enumerate(zip(prompts, num_embeds, strict=True)):
        found = list(prompt).count(image_token)
        if found != wanted:
            raise UsageError(
                f"prompt {index} has {found} image tokens, and its images have {wanted} embeddings. Put as many of "
                f"token {image_token} where an image stands as it has."
            )


def kept_together(both_ways: str | None, image_token: int) -> Together | None:
    """Which tokens of a prompt have to be in one call, since they attend to one another both ways.

    Args:
        both_ways: whose tokens do: `image`, those of one image or of several side by side, or `prompt`, all of them;
            what a generated model says in its attribute of that name. None where none do.
        image_token: the token that images take the places of.
    """
    if both_ways is None:
        return None
    if both_ways == "prompt":
        return lambda prompt: [range(len(prompt))]
    return lambda prompt: _runs(prompt, image_token)


def _runs(prompt: Sequence[int], token: int) -> list[range]:
    """The longest ranges of places where `token` stands."""
    found = []
    for is_token, places in groupby(range(len(prompt)), lambda place: prompt[place] == token):
        if is_token:
            first, *others = places
            found.append(range(first, first + 1 + len(others)))
    return found


class WithImages:
    """Hands every call the image embeddings of its rows' prompts, and the count of those that are used.

    Prompts take rows of the cache in their order, and one begins in a row with position 0.

    Args:
        decoder: what is called.
        prompts: token ids of each prompt, in the order in which they begin.
        embeds: for each prompt, `[tokens, hidden]`, the embeddings of its images one after the other.
        image_token: the token that they take the places of.
        deep: for each prompt, `[layers, tokens, hidden]`, what goes into layers beside, where anything does.
        sections: for each prompt, what its tokens are rotated by, where that is not where they stand.

    Raises:
        UsageError: a prompt has another number of image tokens than embeddings.
    """

    def __init__(
        self,
        decoder: ImageDecoder,
        prompts: Sequence[Sequence[int]],
        embeds: Sequence[np.ndarray],
        image_token: int,
        sections: Sequence[PromptSections] | None = None,
        deep: Sequence[np.ndarray] | None = None,
    ) -> None:
        check_image_tokens(prompts, [len(own) for own in embeds], image_token)
        self._decoder = decoder
        self._sections = sections
        # A row without images is handed one of zeros: no axis has a size of 0.
        size = max(1, *map(len, embeds)) if embeds else 1
        self._embeds = np.zeros((len(embeds), size, embeds[0].shape[1]), embeds[0].dtype)
        for row, own in zip(self._embeds, embeds, strict=True):
            row[: len(own)] = own
        self._deep: np.ndarray | None = None
        if deep is not None:
            self._deep = np.zeros((len(deep[0]), *self._embeds.shape), self._embeds.dtype)
            for index, of_layers in enumerate(deep):
                self._deep[:, index, : of_layers.shape[1]] = of_layers
        self._used = np.zeros((len(embeds), 1), np.int64)
        self._in_row: dict[int, int] = {}
        self._arrived = 0

    @property
    def decoder(self) -> ImageDecoder:
        """What is called."""
        return self._decoder

    def run(
        self,
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        batch_index: np.ndarray | None = None,
        **inputs: np.ndarray,
    ) -> np.ndarray:
        """One call: input_ids and position_ids `[batch_size, seq_len]` to logits `[batch_size, 1, vocab]`."""
        prompts = self._prompts(position_ids, batch_index)
        if self._sections is not None:
            own = [self._sections[prompt] for prompt in prompts]
            inputs["position_sections"] = sections_of_call(own, position_ids)
        logits = self._decoder.run(
            input_ids,
            position_ids,
            batch_index,
            image_idx=self._used[prompts],
            **self._images(prompts, is_step=input_ids.shape[1] == 1),
            **inputs,
        )
        assert self._decoder.image_idx is not None
        is_real = position_ids.max(1) > PAD_POSITION
        self._used[prompts[is_real]] = self._decoder.image_idx[is_real]
        return logits

    def _images(self, prompts: np.ndarray, *, is_step: bool) -> dict[str, np.ndarray]:
        """What a call of these prompts takes; a step of decoding places nothing, so it is handed next to nothing."""
        given = {VISION_EMBEDS: self._embeds[:1, :1] if is_step else self._embeds[prompts]}
        if self._deep is not None:
            given[DEEPSTACK_FEATURES] = self._deep[:, :1, :1] if is_step else self._deep[:, prompts]
        return given

    def _prompts(self, position_ids: np.ndarray, batch_index: np.ndarray | None) -> np.ndarray:
        """The prompt of each row of a call; a row of pads may have any."""
        found = np.zeros(len(position_ids), np.int64)
        for row, positions in enumerate(position_ids):
            place = row if batch_index is None else int(batch_index[row, 0])
            if (positions == 0).any():
                self._in_row[place] = self._arrived
                self._arrived += 1
            found[row] = self._in_row.get(place, 0)
        return found


class WithPixels(WithImages):
    """The same for a decoder that makes the embeddings itself, in every call, of one image for each row.

    Args:
        decoder: what is called.
        prompts: token ids of each prompt, in the order in which they begin.
        pixels: for each prompt, `[channels, height, width]`, its image; of zeros for a prompt without one.
        num_embeds: for each prompt, how many embeddings are made of its image; 0 for a prompt without one.
        image_token: the token that they take the places of.

    Raises:
        UsageError: a prompt has another number of image tokens than embeddings.
    """

    def __init__(
        self,
        decoder: ImageDecoder,
        prompts: Sequence[Sequence[int]],
        pixels: Sequence[np.ndarray],
        num_embeds: Sequence[int],
        image_token: int,
    ) -> None:
        nothing = [np.zeros((count, 1), np.float32) for count in num_embeds]
        super().__init__(decoder, prompts, nothing, image_token)
        self._pixels = np.stack(pixels)

    def _images(self, prompts: np.ndarray, *, is_step: bool) -> dict[str, np.ndarray]:
        """What a call of these prompts takes, a step too: the program runs its vision tower in each."""
        return {PIXEL_VALUES: self._pixels[prompts]}
