"""Writes the vision program of an image-text model: images of one size to the embeddings that take their places."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from torch import nn

from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_file import save_graph, whole_or_not_at_all
from qeff_codegen.export.graph_io import VISION_EMBEDS
from qeff_codegen.export.graph_weights import attach_weights
from qeff_codegen.export.plain_casts import spell_casts
from qeff_codegen.export.tidy import tidy
from qeff_codegen.export.torchscript_export import (
    GraphNames,
    WeightsAsLastInput,
    expected_warnings_silenced,
    export_with_torchscript,
)
from qeff_codegen.garbage import no_garbage_collection

PIXEL_VALUES = "pixel_values"
AXES = {PIXEL_VALUES: {0: "batch_size"}, VISION_EMBEDS: {0: "batch_size"}}
# Images of the example that the exporter traces: any number but 1, which broadcasts.
_TRACED_IMAGES = 2
# A number that comes from how many there are is another one with these.
_OTHER_IMAGES = (1, 3)


class _VisionInterface(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        embeds: torch.Tensor = self.encoder(pixel_values)
        return embeds


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


def export_vision(encoder: nn.Module, onnx_path: Path) -> Path:
    """Exports what `get_qeff_vision_encoder` gives, with the TorchScript exporter.

    The graph takes `pixel_values`, `[batch_size, channels, height, width]` of the configured size, and gives
    `vision_embeds`, `[batch_size, vision_size, hidden]`. The number of images is dynamic.

    Args:
        encoder: the module, with its weights.
        onnx_path: the file to write; it appears complete or not at all, and so does one of large weights beside it.

    Returns:
        `onnx_path`.

    Raises:
        UsageError: the configuration does not say how large images are, or the folder cannot be written to.
        Refusal: the tower computes something that was not proved to mean the same in the graph.
    """
    shape, dtype = image_shape(encoder.config), next(encoder.parameters()).dtype
    interface = _WithWeights(encoder).train(encoder.training)

    def images(count: int) -> tuple[torch.Tensor]:
        return (torch.zeros(count, *shape, dtype=dtype),)

    with whole_or_not_at_all(onnx_path) as unfinished, no_garbage_collection():
        with expected_warnings_silenced(), torch.no_grad():
            traced = export_with_torchscript(
                interface,
                images(_TRACED_IMAGES),
                unfinished,
                GraphNames([PIXEL_VALUES], [VISION_EMBEDS], AXES),
                others=lambda: map(images, _OTHER_IMAGES),
                limits=[{0: inf}],
            )
        graph_model = onnx_ir.from_proto(traced)
        attach_weights(graph_model.graph, encoder)
        spell_casts(graph_model)
        tidy(graph_model)
        save_graph(graph_model, unfinished)
    return onnx_path
