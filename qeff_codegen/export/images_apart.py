"""Refuses a vision program whose images have a part in one another.

A program encodes an image by itself, or the images of any prompts in one call, and each has to be what it is in
upstream's call with all images of a batch. A tower or a projector that turns them round, or takes their mean, is no
such thing; nothing that is known of one image shows it. So two images are encoded in one call and each alone, before
the program is traced. Features that differ by more than half the digits of their type are others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from qeff_codegen.errors import Refusal

RULE = "export"


def refuse_mixed_images(encoder: nn.Module, shape: Sequence[int]) -> None:
    """See that an image's features are the same beside another image.

    Args:
        encoder: what `get_qeff_vision_encoder` gives.
        shape: of the pixels of one image.

    Raises:
        Refusal: they are others.
    """
    layout: Any = getattr(encoder, "image", None)
    dtype = next(encoder.parameters()).dtype
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(tuple(shape), generator=generator).to(dtype) for _ in range(2)]
    with torch.no_grad():
        each = [_outputs(encoder(image)) for image in images]
        if layout is None:
            together, axis = _outputs(encoder(torch.cat(images))), 0
        else:
            with _of_two(encoder, layout):
                # Embeddings of both stand behind one another, before the axis of the hidden size.
                together, axis = _outputs(encoder(torch.cat(images, dim=layout.images_axis))), -2
    for alone, beside in zip(zip(*each, strict=True), together, strict=True):
        wanted = torch.cat(alone, dim=axis).float()
        allowed = torch.finfo(dtype).eps ** 0.5 * wanted.std()
        if beside.shape != wanted.shape or not bool((beside.float() - wanted).abs().max() <= allowed):
            raise _refusal(encoder)


def _outputs(made: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return made if isinstance(made, tuple) else (made,)


class _Two:
    """What a layout says of an image, said of two of them."""

    def __init__(self, layout: Any) -> None:
        self._layout = layout

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._layout, name)
        return torch.cat([found, found]) if isinstance(found, torch.Tensor) else found


@contextmanager
def _of_two(encoder: Any, layout: Any) -> Iterator[None]:
    encoder.image = _Two(layout)
    try:
        yield
    finally:
        encoder.image = layout


def _refusal(encoder: nn.Module) -> Refusal:
    return Refusal(
        f"{type(encoder).__name__} makes other features of an image beside another image, so no program gives those "
        "of a batch",
        rule=RULE,
        expected="features of each image that follow from its own pixels",
        next_step="look for what joins or reorders images in the vision tower, the projector and the method that "
        "calls them: a mean over the first axis, a flip, a norm of all",
    )
