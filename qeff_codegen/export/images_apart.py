"""Refuses a vision program whose images have a part in one another.

A program encodes an image by itself, or the images of any prompts in one call, and each has to be what it is in
upstream's call with all images of a batch. A tower or a projector that turns them round, or takes their mean, is no
such thing; nothing that is known of one image shows it. So two images are encoded in one call and each alone, before
the program is traced. Features that differ by more than half the digits of their type are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.runtime.one_image import PatchRows, PatchStrip

RULE = "export"


def refuse_mixed_images(encoder: nn.Module, shape: Sequence[int]) -> None:
    """See that an image's features are the same beside another image.

    Where images of any size lie in one row of patches, the other one has another size: what is turned round along that
    row shows in no image of the same size.

    Args:
        encoder: what `get_qeff_vision_encoder` gives.
        shape: of the pixels of one image.

    Raises:
        Refusal: they are others.
    """
    layout: Any = getattr(encoder, "image", None)
    dtype = next(encoder.parameters()).dtype
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        if layout is None:
            images = [torch.randn(tuple(shape), generator=generator).to(dtype) for _ in range(2)]
            each = [_outputs(encoder(image)) for image in images]
            together, axis = _outputs(encoder(torch.cat(images))), 0
        else:
            layouts = (layout, _of_other_size(layout, encoder))
            images = [torch.randn(own.shape, generator=generator).to(dtype) for own in layouts]
            each = [_encoded(encoder, own, image) for own, image in zip(layouts, images, strict=True)]
            # Embeddings of both stand behind one another, before the axis of the hidden size.
            together, axis = _encoded(encoder, _Both(*layouts), torch.cat(images, dim=layout.images_axis)), -2
    for alone, beside in zip(zip(*each, strict=True), together, strict=True):
        wanted = torch.cat(alone, dim=axis).float()
        allowed = torch.finfo(dtype).eps ** 0.5 * wanted.std()
        if beside.shape != wanted.shape or not bool((beside.float() - wanted).abs().max() <= allowed):
            raise _refusal(encoder)


def _of_other_size(layout: Any, encoder: Any) -> Any:
    """The layout of a smaller or larger image, where any sizes lie in one row of patches; else the same again."""
    if isinstance(layout, PatchRows | PatchStrip):
        height, width = layout.image_size
        for size in ((height, width // 2), (height // 2, width), (2 * height, width)):
            try:
                return type(layout)(encoder.config, size)
            except UsageError:
                # No whole number of patches.
                continue
    return layout


def _encoded(encoder: Any, layout: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What an encoder makes of pixels that are laid out in this way."""
    before = encoder.image
    encoder.image = layout
    try:
        return _outputs(encoder(pixels))
    finally:
        encoder.image = before


def _outputs(made: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return made if isinstance(made, tuple) else (made,)


class _Both:
    """What two layouts say of an image each, said of both images."""

    def __init__(self, one: Any, other: Any) -> None:
        self._layouts = (one, other)

    def __getattr__(self, name: str) -> Any:
        return torch.cat([getattr(layout, name) for layout in self._layouts])


def _refusal(encoder: nn.Module) -> Refusal:
    return Refusal(
        f"{type(encoder).__name__} makes other features of an image beside another image, so no program gives those "
        "of a batch",
        rule=RULE,
        expected="features of each image that follow from its own pixels",
        next_step="look for what joins or reorders images in the vision tower, the projector and the method that "
        "calls them: a mean over the first axis, a flip, a norm of all",
    )
