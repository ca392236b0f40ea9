"""What a vision program of one image takes: pixels in the shape that an image's size gives, and what goes with them.

Processors hand a model more than pixels: sizes, grids of patches, masks of padding. Of an image of one size, all but
the pixels is known before any image is. Each class here is one way in which processors lay pixels out. Its
attributes have the names of upstream's arguments.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.image_processing_utils import select_best_resolution

from qeff_codegen.errors import UsageError


class WholeImage:
    """The image as it is: `[1, channels, height, width]`.

    Args:
        config: the model's configuration.
        image_size: height and width in pixels; those of the vision configuration where None.

    Attributes:
        image_size: height and width in pixels.
        shape: of `pixel_values`.
        images_axis: the axis of `pixel_values` along which upstream takes several images.
        image_sizes: int64 `[1, 2]`.

    Raises:
        UsageError: the size is given nowhere, or there can be no such image.
    """

    images_axis = 0

    def __init__(self, config: Any, image_size: tuple[int, int] | None = None) -> None:
        height, width = self.image_size = size_of_image(config, image_size)
        self.shape: tuple[int, ...] = (1, channels_of(config), height, width)
        self.image_sizes = torch.tensor([[height, width]])


class ListedImage(WholeImage):
    """One of a list of images: `[1, 1, channels, height, width]`."""

    images_axis = 1

    def __init__(self, config: Any, image_size: tuple[int, int] | None = None) -> None:
        super().__init__(config, image_size)
        self.shape = (1, *self.shape)


class TiledImage:
    """The image made smaller, and the tiles that it is cut into: `[1, tiles, channels, side, side]`.

    Tiles have the size of the vision configuration; into how many an image is cut, its own size says, by the
    configuration's `image_grid_pinpoints`. See `WholeImage`.
    """

    images_axis = 0

    def __init__(self, config: Any, image_size: tuple[int, int] | None = None) -> None:
        height, width = self.image_size = size_of_image(config, image_size)
        side = int(vision_of(config).image_size)
        best_height, best_width = select_best_resolution((height, width), config.image_grid_pinpoints)
        tiles = 1 + (best_height // side) * (best_width // side)
        self.shape = (1, tiles, channels_of(config), side, side)
        self.image_sizes = torch.tensor([[height, width]])


# As upstream's configurations call them: how many frames a patch has, which a still image fills alike, and how many
# patches in a row, and in a column, become one token.
_FRAMES = ("temporal_patch_size", "patch_temporal")
_MERGED = ("spatial_merge_size", "merge_size")


class PatchRows:
    """The image's patches, one a row: `[grid_height * grid_width, channels * frames * side * side]`.

    See `WholeImage`.

    Attributes:
        image_grid_thw: int64 `[1, 3]`, of frames, rows and columns of patches.
        image_merge_sizes: int64 `[1]`, how many rows and columns of patches become one token.
    """

    images_axis = 0

    def __init__(self, config: Any, image_size: tuple[int, int] | None = None) -> None:
        vision = vision_of(config)
        height, width = self.image_size = size_of_image(config, image_size)
        merged = merged_patches(vision)
        rows, columns = grid_of(config, height, width, merged)
        frames = _first_of(vision, _FRAMES, 1)
        self.shape: tuple[int, ...] = (rows * columns, channels_of(config) * frames * int(vision.patch_size) ** 2)
        self.image_grid_thw = torch.tensor([[1, rows, columns]])
        self.image_merge_sizes = torch.tensor([merged])


class PatchSquares(PatchRows):
    """The image's patches, each as a small image: `[grid_height * grid_width, channels, side, side]`."""

    def __init__(self, config: Any, image_size: tuple[int, int] | None = None) -> None:
        super().__init__(config, image_size)
        side = int(vision_of(config).patch_size)
        self.shape = (self.shape[0], channels_of(config), side, side)


class PatchStrip:
    """The image's patches side by side, as one image: `[1, channels, side, grid_height * grid_width * side]`.

    See `WholeImage`.

    Attributes:
        target_sizes: int64 `[1, 2]`, of rows and columns of patches.
    """

    images_axis = 3

    def __init__(self, config: Any, image_size: tuple[int, int] | None = None) -> None:
        vision = vision_of(config)
        height, width = self.image_size = size_of_image(config, image_size)
        windows = 1 if config.downsample_mode == "4x" else int(vision.window_kernel_size[0])
        merged = windows * int(config.merge_kernel_size[0]) ** int(config.merger_times)
        rows, columns = grid_of(config, height, width, merged)
        side = int(vision.patch_size)
        self.shape = (1, channels_of(config), side, rows * columns * side)
        self.target_sizes = torch.tensor([[rows, columns]])


class PatchTable:
    """The image's patches, one a row, as one of a batch: `[1, grid_height * grid_width, channels * side * side]`.

    Processors fill the rows up to those of the largest image of a batch, and one image needs none of that. See
    `WholeImage`.

    Attributes:
        spatial_shapes: int64 `[1, 2]`, of rows and columns of patches.
        pixel_attention_mask: int64 `[1, grid_height * grid_width]`, ones: every patch is the image's.
        image_position_ids: int64 `[1, grid_height * grid_width, 2]`, the column and the row of each patch.
    """

    images_axis = 0

    def __init__(self, config: Any, image_size: tuple[int, int] | None = None) -> None:
        height, width = self.image_size = size_of_image(config, image_size)
        vision = vision_of(config)
        pooled = int(getattr(vision, "pooling_kernel_size", 1))
        rows, columns = grid_of(config, height, width, int(getattr(config, "downsample_factor", pooled)))
        side = int(vision.patch_size)
        if hasattr(vision, "model_patch_size"):
            # Each patch is as large as a token.
            side, rows, columns = int(vision.model_patch_size), rows // pooled, columns // pooled
        self.shape = (1, rows * columns, channels_of(config) * side**2)
        self.spatial_shapes = torch.tensor([[rows, columns]])
        self.pixel_attention_mask = torch.ones(1, rows * columns, dtype=torch.int64)
        places = torch.arange(rows * columns)
        self.image_position_ids = torch.stack((places % columns, places // columns), dim=-1).unsqueeze(0)


def joined_embeds(features: torch.Tensor | list[torch.Tensor] | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """What stands at the tokens of one image, `[1, tokens, hidden]`, of a tensor or of a list of parts in order."""
    parts = [features] if isinstance(features, torch.Tensor) else list(features)
    flat = [part.reshape(-1, part.shape[-1]) for part in parts]
    return (flat[0] if len(flat) == 1 else torch.cat(flat, dim=0)).unsqueeze(0)


def vision_of(config: Any) -> Any:
    """What says of what size pixels and patches are: the vision configuration, or that of a model without a tower."""
    return getattr(config, "vision_config", config)


def size_of_image(config: Any, image_size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width in pixels: as given, or as the vision configuration says.

    Raises:
        UsageError: neither says it.
    """
    size = image_size if image_size is not None else getattr(vision_of(config), "image_size", None)
    if isinstance(size, int):
        size = (size, size)
    if size is None or len(size) != 2:
        raise UsageError(
            f"the vision configuration of {config.model_type} says no size of images. "
            "Give one: get_qeff_vision_encoder(image_size=(height, width))."
        )
    return int(size[0]), int(size[1])


def channels_of(config: Any) -> int:
    """How many channels a pixel has: three where there is no setting for it."""
    vision = vision_of(config)
    names = ("num_channels", "in_channels", "in_chans", "channels")
    return _first_of(vision, names, 3)


def merged_patches(vision: Any) -> int:
    """How many rows, and as many columns, of patches become one token."""
    kernel = getattr(vision, "merge_kernel_size", None)
    return _first_of(vision, _MERGED, 1) if kernel is None else int(kernel[0])


def _first_of(vision: Any, names: tuple[str, ...], otherwise: int) -> int:
    """The first of these settings that a configuration has."""
    return int(next((getattr(vision, name) for name in names if hasattr(vision, name)), otherwise))


def grid_of(config: Any, height: int, width: int, merged: int) -> tuple[int, int]:
    """Rows and columns of patches of an image, `merged` of which in each direction become one token.

    Raises:
        UsageError: they do not fill the image.
    """
    side = int(vision_of(config).patch_size)
    if height % (side * merged) or width % (side * merged):
        raise UsageError(
            f"an image of {height} x {width} pixels is not made of whole squares of {side * merged} pixels, each of "
            "which becomes a token. Give a size that is, as the processor does."
        )
    return height // side, width // side
