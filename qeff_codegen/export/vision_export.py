"""Writes the vision program of an image-text model: images to the embeddings that take their places."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import torch
from torch import nn
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.export.frozen_numbers import no_frozen_numbers
from qeff_codegen.export.graph_file import save_graph, whole_or_not_at_all
from qeff_codegen.export.graph_io import DEEPSTACK_FEATURES, PIXEL_VALUES, VISION_EMBEDS
from qeff_codegen.export.graph_weights import attach_weights
from qeff_codegen.export.images_apart import refuse_mixed_images
from qeff_codegen.export.kv_cache import feature_layers_of
from qeff_codegen.export.one_size import traced_for_one_size
from qeff_codegen.export.plain_casts import spell_casts
from qeff_codegen.export.size_ranges import Limits
from qeff_codegen.export.tidy import tidy
from qeff_codegen.export.torchscript_export import (
    GraphNames,
    WeightsAsLastInput,
    expected_warnings_silenced,
    export_with_torchscript,
)
from qeff_codegen.garbage import no_garbage_collection

IMG_SIZE = "img_size"
# The attribute of an encoder that takes one image a call.
ONE_IMAGE = "takes_one_image"
# Images of the example that the exporter traces: any number but 1, which broadcasts.
_TRACED_IMAGES = 2
# A number that comes from how many there are is another one with these.
_OTHER_IMAGES = (1, 3)


@dataclass(frozen=True)
class VisionSpec:
    """Which images a vision program takes.

    Attributes:
        channels: colours of a pixel.
        sizes: height and width of the images, in pixels; with several, each image is a square.
    """

    channels: int
    sizes: tuple[tuple[int, int], ...]

    @property
    def outputs(self) -> list[str]:
        """The names of what the program gives."""
        return [VISION_EMBEDS]

    @property
    def axes(self) -> dict[str, dict[int, str]]:
        """The names of the axes that are not fixed: a single size is one of the graph's own."""
        images = {0: "batch_size"}
        if len(self.sizes) == 1:
            return {PIXEL_VALUES: images, VISION_EMBEDS: images}
        return {PIXEL_VALUES: images | {2: IMG_SIZE, 3: IMG_SIZE}, VISION_EMBEDS: images | {1: "vision_size"}}

    @property
    def limits(self) -> Limits:
        """The longest that the axes of the pixels may be."""
        if len(self.sizes) == 1:
            return [{0: inf}]
        longest = max(height for height, _ in self.sizes)
        return [{0: inf, 2: longest, 3: longest}]

    def shape(self, count: int, size: tuple[int, int] | None = None) -> tuple[int, int, int, int]:
        """The shape of `count` images, of the largest size unless another is given."""
        return count, self.channels, *(size or max(self.sizes))


@dataclass(frozen=True)
class OneImageSpec:
    """The image that a vision program of one image a call takes; see `VisionSpec`.

    Attributes:
        sizes: its height and width in pixels, alone.
        pixels: the shape of `pixel_values`.
        feature_layers: for how many layers of the text model it gives features beside.
    """

    sizes: tuple[tuple[int, int]]
    pixels: tuple[int, ...]
    feature_layers: int = 0

    @property
    def outputs(self) -> list[str]:
        """The names of what the program gives."""
        return [VISION_EMBEDS, *([DEEPSTACK_FEATURES] if self.feature_layers else [])]

    @property
    def axes(self) -> dict[str, dict[int, str]]:
        """None: every axis is one of the graph's own."""
        return {PIXEL_VALUES: {}, VISION_EMBEDS: {}}

    def shape(self, count: int, size: tuple[int, int] | None = None) -> tuple[int, ...]:
        """The shape of its pixels; there is one image, of one size."""
        return self.pixels


def spec_of(encoder: nn.Module) -> VisionSpec | OneImageSpec:
    """The images that `encoder` takes: the one that it was made for, or any number of the configured size.

    Raises:
        UsageError: the configuration does not say of what size images are.
    """
    layout: Any = getattr(encoder, "image", None)
    if layout is None:
        return vision_spec(encoder)
    return OneImageSpec((layout.image_size,), layout.shape, feature_layers_of(encoder))


def graph_spec(spec: VisionSpec | OneImageSpec, onnx_path: Path) -> VisionSpec | OneImageSpec:
    """The images that the graph takes which was exported for `spec`: perhaps one alone."""
    if isinstance(spec, OneImageSpec) or not takes_one_image(onnx_path):
        return spec
    return OneImageSpec((spec.sizes[0],), spec.shape(1))


class _VisionInterface(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        made: torch.Tensor | tuple[torch.Tensor, torch.Tensor] = self.encoder(pixel_values)
        return made


class _WithWeights(WeightsAsLastInput, _VisionInterface):
    """The interface as the TorchScript exporter takes it."""

    def weighted(self) -> nn.Module:
        """See `WeightsAsLastInput`."""
        return self.encoder


def image_shape(config: Any) -> tuple[int, int, int]:
    """Channels, height and width of the images that a model's vision tower is configured for.

    Raises:
        UsageError: its configuration does not say.
    """
    vision = config.vision_config
    channels, size = getattr(vision, "num_channels", None), getattr(vision, "image_size", None)
    sizes = (size, size) if isinstance(size, int) else tuple(size or ())
    if not isinstance(channels, int) or len(sizes) != 2:
        raise UsageError(
            f"the configuration of {vision.model_type} says no `num_channels` and `image_size`, so the size of the "
            "images of a vision program is not known."
        )
    return channels, int(sizes[0]), int(sizes[1])


def vision_spec(encoder: nn.Module, img_sizes: Sequence[tuple[int, int]] = ()) -> VisionSpec:
    """The images that a vision program is made for.

    Args:
        encoder: what `get_qeff_vision_encoder` gives.
        img_sizes: heights and widths of images, in pixels; the configured size unless there are any.

    Raises:
        UsageError: the tower takes no images of a size, its configuration does not say how many channels they have, or
            there are several sizes and not all are squares.
    """
    channels, *configured = image_shape(encoder.config)
    sizes = tuple(sorted(set(img_sizes))) or ((configured[0], configured[1]),)
    oblong = [f"{height} x {width}" for height, width in sizes if height != width]
    if len(sizes) > 1 and oblong:
        raise UsageError(
            f"a vision program for images of several sizes takes squares, and {oblong[0]} is none. Give one size, or "
            "squares alone, as img_size (--img-size)."
        )
    spec = VisionSpec(channels, sizes)
    for size in sizes if img_sizes else ():
        tokens_per_image(encoder, spec, size)
    return spec


def tokens_per_image(encoder: nn.Module, spec: VisionSpec, size: tuple[int, int]) -> int:
    """How many embeddings the tower makes of an image of that height and width; nothing is computed for it.

    Raises:
        UsageError: it takes none of that size.
    """
    dtype = next(encoder.parameters()).dtype
    try:
        # Shapes alone go through it.
        with torch.no_grad(), _unlogged(), FakeTensorMode(allow_non_fake_inputs=True):
            embeds: torch.Tensor = encoder(torch.zeros(spec.shape(1, size), dtype=dtype))
    except (ValueError, RuntimeError) as error:  # what upstream's towers raise for a size that is not theirs
        configured = " x ".join(map(str, image_shape(encoder.config)[1:]))
        raise UsageError(
            f"the vision tower takes no images of {size[0]} x {size[1]} pixels: {error}\n"
            f"It is configured for {configured}; leave --img-size (img_size) out for that."
        ) from error
    return embeds.shape[0] * embeds.shape[1]


@contextmanager
def _unlogged() -> Iterator[None]:
    """What a tower does not take is an answer; torch would print its traceback as well."""
    logger = logging.getLogger(fake_tensor.__name__)
    was = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = was


def export_vision(encoder: nn.Module, onnx_path: Path, spec: VisionSpec | OneImageSpec | None = None) -> Path:
    """Exports what `get_qeff_vision_encoder` gives, with the TorchScript exporter.

    The graph takes `pixel_values`, `[batch_size, channels, height, width]`, and gives `vision_embeds`,
    `[batch_size, vision_size, hidden]`. With several sizes height and width are dynamic. The number of images is where
    every operator of the graph is proved for it; else, and for an encoder with `takes_one_image`, it is 1, and what no
    image decides is computed now.

    Args:
        encoder: the module, with its weights.
        onnx_path: the file to write; it appears complete or not at all, and so does one of large weights beside it.
        spec: the images that it takes; those of the configured size unless given.

    Returns:
        `onnx_path`.

    Raises:
        UsageError: the configuration does not say how large images are, or the folder cannot be written to.
        Refusal: the tower computes something that was not proved to mean the same in the graph, what it computes for
            one size does not hold for another, or an image's features are others beside another image.
    """
    with whole_or_not_at_all(onnx_path) as unfinished, no_garbage_collection():
        with expected_warnings_silenced(), torch.no_grad():
            own = spec or spec_of(encoder)
            takes_one = getattr(encoder, ONE_IMAGE, False)
            if getattr(encoder, "image", None) is not None or not takes_one:
                refuse_mixed_images(encoder, own.shape(1))
            if takes_one or isinstance(own, OneImageSpec):
                traced = _of_one_image(encoder, unfinished, own)
            else:
                try:
                    traced = _of_any_number(encoder, unfinished, own)
                except Refusal:
                    if len(own.sizes) > 1:
                        raise
                    # What is made of sizes is a number where there is one image a call.
                    traced = _of_one_image(encoder, unfinished, own)
        graph_model = onnx_ir.from_proto(traced)
        attach_weights(graph_model.graph, encoder)
        spell_casts(graph_model)
        tidy(graph_model)
        save_graph(graph_model, unfinished)
    return onnx_path


def takes_one_image(onnx_path: Path) -> bool:
    """Whether a vision program's graph is that of one image a call."""
    (pixels,) = onnx.load(onnx_path, load_external_data=False).graph.input
    return bool(pixels.type.tensor_type.shape.dim[0].dim_value)


def _of_any_number(encoder: nn.Module, path: Path, spec: VisionSpec) -> onnx.ModelProto:
    """The graph of any number of images."""
    dtype = next(encoder.parameters()).dtype

    def others() -> Iterator[tuple[torch.Tensor]]:
        for count in _OTHER_IMAGES:
            yield (torch.zeros(spec.shape(count), dtype=dtype),)
        for size in sorted(spec.sizes)[:-1]:
            yield (torch.zeros(spec.shape(_TRACED_IMAGES, size), dtype=dtype),)

    interface = _WithWeights(encoder).train(encoder.training)
    return export_with_torchscript(
        interface,
        (torch.zeros(spec.shape(_TRACED_IMAGES), dtype=dtype),),
        path,
        GraphNames([PIXEL_VALUES], [VISION_EMBEDS], spec.axes),
        looks=no_frozen_numbers(interface, others, spec.limits),
    )


def _of_one_image(encoder: nn.Module, path: Path, spec: VisionSpec | OneImageSpec) -> onnx.ModelProto:
    """The graph of one image of one size: the layout's where the encoder was made for one.

    Raises:
        UsageError: there are several sizes.
    """
    layout: Any = getattr(encoder, "image", None)
    if len(spec.sizes) > 1:
        raise UsageError(
            "the vision tower computes one image of one size a call, since what it makes of sizes is a number in its "
            "graph. Give one --img-size (img_size)."
        )
    outputs = [VISION_EMBEDS, *([DEEPSTACK_FEATURES] if feature_layers_of(encoder) else [])]
    beside = [] if layout is None else [each for each in vars(layout).values() if isinstance(each, torch.Tensor)]
    return export_with_torchscript(
        _WithWeights(encoder).train(encoder.training),
        (torch.zeros(spec.shape(1), dtype=next(encoder.parameters()).dtype),),
        path,
        GraphNames([PIXEL_VALUES], outputs, {}),
        looks=traced_for_one_size(beside),
    )
