"""Which vision programs a model has: one for images of its sizes, or one for each size that an image may have."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

from qeff_codegen.errors import UsageError
from qeff_codegen.export.vision_export import OneImageSpec, VisionSpec, spec_of, tokens_per_image, vision_spec

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class VisionProgram:
    """One vision program, before it is exported.

    Attributes:
        encoder: what it is exported from.
        spec: the images that it takes.
    """

    encoder: Any
    spec: VisionSpec | OneImageSpec

    @property
    def layout(self) -> Any:
        """How the pixels of its one image are laid out; None where images are one tensor."""
        return getattr(self.encoder, "image", None)

    @property
    def of_one_image(self) -> bool:
        """Whether it is made for one image of one size."""
        return isinstance(self.spec, OneImageSpec)

    @property
    def many(self) -> VisionSpec | None:
        """The images that it takes, any number of them; None where it takes one."""
        return self.spec if isinstance(self.spec, VisionSpec) else None

    @property
    def dtype(self) -> torch.dtype:
        """What weights and pixels are in."""
        return next(self.encoder.parameters()).dtype

    def tokens(self, size: Size) -> int:
        """How many embeddings it makes of an image of that height and width.

        Raises:
            UsageError: it takes none of that size.
        """
        if isinstance(self.spec, VisionSpec):
            return tokens_per_image(self.encoder, self.spec, size)
        return self._tokens_of_one

    @property
    def most_tokens(self) -> int:
        """How many embeddings it makes of its largest image."""
        return max(self.tokens(size) for size in self.spec.sizes)

    @cached_property
    def _tokens_of_one(self) -> int:
        # An image of noise: towers leave out what is all zeros.
        image = torch.rand(self.spec.shape(1), generator=torch.Generator().manual_seed(0)).to(self.dtype)
        # Of pixels, shapes alone go through it; what sizes say is computed, since towers ask it for numbers.
        shape = FakeTensorMode(allow_non_fake_inputs=True).from_tensor(image)
        with torch.no_grad():
            try:
                try:
                    made = self.encoder(shape)
                except (DataDependentOutputException, DynamicOutputShapeException):  # it asks pixels too
                    made = self.encoder(image)
            except (ValueError, RuntimeError) as error:  # what upstream's towers raise for a size that is not theirs
                ((height, width),) = self.spec.sizes
                raise UsageError(
                    f"the vision tower takes no images of {height} x {width} pixels: {error}\nGive the sizes that "
                    "images have when the processor is done with them: --img-size HEIGHTxWIDTH (img_size)."
                ) from error
        embeds: torch.Tensor = made[0] if isinstance(made, tuple) else made
        return embeds.shape[0] * embeds.shape[1]


class VisionPrograms:
    """The vision programs of a model, made when they are asked for.

    Args:
        model: the QEff model.
        sizes: heights and widths that images are to have, in pixels; those of its configuration where there are none.
    """

    def __init__(self, model: Any, sizes: Sequence[Size] = ()) -> None:
        self._get: Any = model.get_qeff_vision_encoder
        self._model_type = model.config.model_type
        self._made: dict[Size | None, VisionProgram] = {}
        self.sizes = tuple(sizes)
        # Else one program takes images of all of its sizes.
        self.one_for_each_size = "image_size" in inspect.signature(self._get).parameters

    def asked_for(self) -> tuple[VisionProgram, ...]:
        """The programs of the sizes that were given, or of the configured one.

        Raises:
            UsageError: the tower takes no images of such a size, or none is configured and none was given.
        """
        if not self.one_for_each_size:
            return (self._of_all_sizes,)
        return tuple(self.of_size(size) for size in self.sizes or (None,))

    def of_size(self, size: Size | None) -> VisionProgram:
        """The program for images of one size, the configured one where None.

        Raises:
            UsageError: the tower takes no images of it.
        """
        if not self.one_for_each_size:
            return self._of_all_sizes
        if size not in self._made:
            try:
                encoder = self._get(size).eval()
            except UsageError as error:
                if size is not None:
                    raise
                raise UsageError(
                    f"the vision programs of {self._model_type} are made for one size of images each, and its "
                    "configuration says none. Give the sizes that images have when the processor is done with them: "
                    "--img-size HEIGHTxWIDTH (img_size), once for each."
                ) from error
            self._made[size] = VisionProgram(encoder, spec_of(encoder))
        return self._made[size]

    @cached_property
    def _of_all_sizes(self) -> VisionProgram:
        encoder = self._get().eval()
        return VisionProgram(encoder, vision_spec(encoder, self.sizes))
