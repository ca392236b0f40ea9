"""What stands in the places of images where a graph is run before it is compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from qeff_codegen.deploy.vision_programs import VisionProgram
from qeff_codegen.export.kv_cache import feature_layers_of


def noise(
    vision: VisionProgram, vision_size: int, dtype: torch.dtype, *, of_pixels: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """An image of noise, or what the vision tower makes of it.

    Args:
        vision_size: how many embeddings a graph without pixels takes.
        of_pixels: whether the graph takes pixels.

    Returns:
        Pixels `[channels, height, width]`, or embeddings `[vision_size, hidden]`; and what goes into layers beside,
        `[layers, vision_size, hidden]`, None where nothing does.
    """
    pixels = torch.randn(vision.spec.shape(1), generator=torch.Generator().manual_seed(0)).to(dtype)
    if of_pixels:
        return np.asarray(pixels[0]), None
    with torch.no_grad():
        made = vision.encoder(pixels)
    embeds, deep = made if isinstance(made, tuple) else (made, None)
    embeds = embeds.flatten(0, 1)
    sample = np.resize(np.asarray(embeds), (vision_size, embeds.shape[1]))
    if deep is None:
        return sample, None
    of_layers = [np.resize(np.asarray(layer), sample.shape) for layer in deep.flatten(1, 2)]
    return sample, np.stack(of_layers)


def blank(decoder: Any, hidden_size: int, dtype: torch.dtype) -> tuple[np.ndarray, np.ndarray | None]:
    """One embedding that nothing reads, and deep features likewise, for prompts without images.

    Returns:
        As `noise`, for one embedding.
    """
    sample = np.zeros((1, hidden_size), str(dtype).removeprefix("torch."))
    layers = feature_layers_of(decoder)
    return sample, np.zeros((layers, *sample.shape), sample.dtype) if layers else None
