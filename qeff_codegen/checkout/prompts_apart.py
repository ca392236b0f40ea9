"""Calls of several prompts with images, as QEfficient's runtime makes them: those that place images are of one prompt.

`image_idx` is one number for a call there, `[1, 1]`, so rows cannot be at different images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.image_prompts import ImageDecoder
from qeff_codegen.errors import QEffCodegenError


class CannotBeCalled(QEffCodegenError):
    """A call that the device takes, and a CPU does not."""


class DecoderForEach:
    """Hands each row of a call to a decoder of its own, with its pads.

    Args:
        decoders: for each row, what is called for it alone.
    """

    def __init__(self, decoders: Sequence[Decoder]) -> None:
        self._decoders = decoders

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """As a decoder's, without `batch_index`; the logits of a row that is all pads are zeros, and mean nothing."""
        assert batch_index is None
        is_called = (position_ids >= 0).any(1)
        answers = {
            row: self._decoders[row].run(input_ids[row : row + 1], position_ids[row : row + 1])
            for row in np.flatnonzero(is_called).tolist()
        }
        some = next(iter(answers.values()))
        return np.concatenate([answers.get(row, np.zeros_like(some)) for row in range(len(input_ids))])


class PrefillOneByOne:
    """Hands the rows of a call on one by one, but for a step of decoding, which is of all rows; none with pads.

    Args:
        decoder: what is called; `batch_index` tells it which rows of the cache are meant.
        image_token: the token that images take the places of.
    """

    def __init__(self, decoder: Decoder, image_token: int) -> None:
        self._decoder = decoder
        self._image_token = image_token

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """As a decoder's; the logits of a row that is all pads are zeros, and mean nothing.

        Raises:
            CannotBeCalled: one token is left of a prompt, and it is an image's: in a call of one token nothing is
                placed, and a pad beside it, which the device skips, a CPU would write.
        """
        assert batch_index is not None
        real = position_ids >= 0
        if input_ids.shape[1] == 1:
            groups = [np.flatnonzero(real[:, 0])]
        else:
            groups = [np.array([row]) for row in np.flatnonzero(real.any(1))]
        answers: list[tuple[np.ndarray, np.ndarray]] = []
        for rows in groups:
            shape = (len(rows), -1)
            tokens, positions = (each[rows][real[rows]].reshape(shape) for each in (input_ids, position_ids))
            if tokens.shape[1] == 1 and input_ids.shape[1] > 1 and tokens[0, 0] == self._image_token:
                raise CannotBeCalled(
                    "the last call of this prompt is one token of an image, which cannot be run here without a pad"
                )
            answers.append((rows, self._decoder.run(tokens, positions, batch_index[rows])))
        logits = np.zeros((len(position_ids), *answers[0][1].shape[1:]), answers[0][1].dtype)
        for rows, answer in answers:
            logits[rows] = answer
        return logits


class OneCount:
    """A decoder of one `image_idx` for all rows of a call, which places nothing where there are several.

    Args:
        decoder: what is called.

    Attributes:
        image_idx: int64 `[batch_size, 1]`, of each row after the last call.
    """

    def __init__(self, decoder: ImageDecoder) -> None:
        self._decoder = decoder
        self.image_idx: np.ndarray | None = None

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
        """One call, with the count of its row, or with 0 as that runtime's steps of decoding have it."""
        assert image_idx is not None and pixel_values is None
        is_one = len(input_ids) == 1
        logits = self._decoder.run(
            input_ids,
            position_ids,
            batch_index,
            vision_embeds=vision_embeds,
            image_idx=image_idx if is_one else np.zeros((1, 1), np.int64),
            **inputs,
        )
        self.image_idx = self._decoder.image_idx if is_one else image_idx
        return logits
