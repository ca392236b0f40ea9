"""Writes the vision program of an image-text model: images of one size to the embeddings that take their places."""

from __future__ import annotations

import warnings
from math import inf
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import torch
from onnx_ir.passes.common import (
    ClearMetadataAndDocStringPass,
    CommonSubexpressionEliminationPass,
    IdentityEliminationPass,
    RemoveUnusedNodesPass,
)
from torch import nn

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.export.exporter_errors import errors_refused
from qeff_codegen.export.exporter_shortcuts import idle_passes_left_out
from qeff_codegen.export.frozen_numbers import no_frozen_numbers
from qeff_codegen.export.graph_file import save_graph, whole_or_not_at_all
from qeff_codegen.export.graph_io import VISION_EMBEDS
from qeff_codegen.export.graph_weights import attach_weights, weights_of, weights_replaced
from qeff_codegen.export.missing_operators import register_missing_operators
from qeff_codegen.export.one_size import traced_for_one_size
from qeff_codegen.export.plain_casts import spell_casts
from qeff_codegen.export.proved_operators.check import only_proved_operators
from qeff_codegen.export.weight_folding import fold_into_weights
from qeff_codegen.garbage import no_garbage_collection
from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET

PIXEL_VALUES = "pixel_values"
# The attribute of an encoder that takes one image a call.
ONE_IMAGE = "takes_one_image"
AXES = {PIXEL_VALUES: {0: "batch_size"}, VISION_EMBEDS: {0: "batch_size"}}
# Images of the example that the exporter traces: any number but 1, which broadcasts.
_TRACED_IMAGES = 2
# A number that comes from how many there are is another one with these.
_OTHER_IMAGES = (1, 3)


class _WeightsAsInputs(nn.Module):
    """Takes the weights as its last input, so that the exporter copies none."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Returns nothing: what is in it the exporter would write."""
        return {}

    def forward(self, pixel_values: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
        with weights_replaced(self.encoder, weights):
            embeds: torch.Tensor = self.encoder(pixel_values)
        return embeds


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
    `vision_embeds`, `[batch_size, vision_size, hidden]`. The number of images is dynamic where every operator of the
    graph is proved for it; else, and for an encoder with `takes_one_image`, it is 1, and what no image decides is
    computed now.

    Args:
        encoder: the module, with its weights.
        onnx_path: the file to write; it appears complete or not at all, and so does one of large weights beside it.

    Returns:
        `onnx_path`.

    Raises:
        UsageError: the configuration does not say how large images are, or the folder cannot be written to.
        Refusal: the tower computes something that was not proved to mean the same in the graph.
    """
    weights = weights_of(encoder)
    with whole_or_not_at_all(onnx_path) as unfinished, no_garbage_collection():
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            register_missing_operators()
            if getattr(encoder, ONE_IMAGE, False):
                _trace(encoder, unfinished, weights, images=1)
            else:
                try:
                    _trace(encoder, unfinished, weights, images=None)
                except Refusal:
                    # What is made of sizes is a number where there is one image a call.
                    _trace(encoder, unfinished, weights, images=1)
        graph_model = onnx_ir.from_proto(onnx.load(unfinished))
        attach_weights(graph_model.graph, encoder)
        spell_casts(graph_model)
        CommonSubexpressionEliminationPass()(graph_model)
        IdentityEliminationPass()(graph_model)
        fold_into_weights(graph_model.graph)
        RemoveUnusedNodesPass()(graph_model)
        ClearMetadataAndDocStringPass()(graph_model)
        save_graph(graph_model, unfinished)
    return onnx_path


def _trace(encoder: nn.Module, path: Path, weights: dict[str, torch.Tensor], images: int | None) -> None:
    """Writes the graph as the exporter makes it.

    Args:
        images: how many images a call takes; None for any number.
    """
    layout: Any = getattr(encoder, "image", None)
    one = layout.shape if layout is not None else (1, *image_shape(encoder.config))
    dtype = next(encoder.parameters()).dtype
    interface = _WeightsAsInputs(encoder).train(encoder.training)
    if images is None:
        looks = no_frozen_numbers(
            interface, lambda: ((torch.zeros(count, *one[1:], dtype=dtype),) for count in _OTHER_IMAGES), [{0: inf}]
        )
    else:
        beside = [] if layout is None else [each for each in vars(layout).values() if isinstance(each, torch.Tensor)]
        looks = traced_for_one_size(beside)
    with errors_refused(type(encoder).__name__), looks, idle_passes_left_out(), only_proved_operators():
        torch.onnx.export(
            interface,
            (torch.zeros(one if images else (_TRACED_IMAGES, *one[1:]), dtype=dtype), list(weights.values())),
            str(path),
            input_names=[PIXEL_VALUES, *weights],
            output_names=[VISION_EMBEDS],
            dynamic_axes=AXES if images is None else None,
            opset_version=ONNX_EXPORT_OPSET,
            dynamo=False,
        )
