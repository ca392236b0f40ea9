"""What a processor made of a prompt's images, as calls of vision programs.

A processor joins the pixels of all images in one tensor, and says beside it how large each is: by its size, its grid
of patches, or a mask of what is filled up. A vision program takes one image's pixels as its layout has them, and knows
the rest. So every image is cut out again, and what the processor says of it has to be what its program was made for.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from qeff_codegen.deploy.vision_programs import Size, VisionProgram, VisionPrograms
from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.one_image import vision_of

PIXELS = "pixel_values"
# Rows and columns of patches, the last two numbers of each image.
_GRIDS = ("image_grid_thw", "target_sizes", "spatial_shapes")
# Column and row of each patch, -1 where there is none.
_PLACES = "image_position_ids"
_NO_PLACE = -1
_SIZES = "image_sizes"
_MASK = "pixel_attention_mask"
_TOKEN_TYPES = ("mm_token_type_ids", "token_type_ids")
_IMAGES_OF_PROMPTS = "batch_num_images"
_OF_TEXT = ("input_ids", "attention_mask")


@dataclass(frozen=True, eq=False)
class GivenImage:
    """One image of a prompt.

    Attributes:
        program: the vision program that takes it.
        pixels: in the shape that it takes, for one image.
        tokens: how many embeddings the program makes of it.
    """

    program: VisionProgram
    pixels: torch.Tensor
    tokens: int


def given_images(made: Mapping[str, torch.Tensor], model: Any, programs: VisionPrograms) -> list[GivenImage]:
    """The images of one prompt, in their order.

    Args:
        made: what the processor made of it, by the names that upstream's model takes.
        model: the QEff model.
        programs: its vision programs.

    Raises:
        UsageError: the processor says something of the images that a vision program does not know, or makes images of
            a size that was not asked for.
    """
    if PIXELS not in made:
        raise UsageError(f"the processor makes no {PIXELS} of the images: it makes {', '.join(sorted(made))}.")
    pixels = made[PIXELS]
    if not programs.one_for_each_size:
        _refuse_further_inputs(made, model, ())
        (program,) = programs.asked_for()
        size = _size_of_pixels(pixels, program)
        return [GivenImage(program, each, program.tokens(size)) for each in pixels.to(program.dtype).split(1)]
    sizes = _sizes(made, model.config)
    chosen = [programs.of_size(_wanted(size, programs.sizes)) for size in sizes]
    layouts = [program.layout for program in chosen]
    _refuse_further_inputs(made, model, (*_GRIDS, _PLACES, _SIZES, _MASK, *vars(layouts[0])))
    for index, layout in enumerate(layouts):
        _check_beside(made, layout, index)
    cut = _cut(pixels, layouts)
    return [
        GivenImage(program, each.to(program.dtype), program.most_tokens)
        for program, each in zip(chosen, cut, strict=True)
    ]


def image_grids(made: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    """Frames, rows and columns of patches of each image, int64 `[images, 3]`; None where the processor says none."""
    return made.get("image_grid_thw")


def _size_of_pixels(pixels: torch.Tensor, program: VisionProgram) -> Size:
    if pixels.ndim != 4:
        raise UsageError(
            f"the processor makes pixels {list(pixels.shape)}, and the vision program takes images alone, "
            "[images, channels, height, width]. Copy the processor's files that belong to this model."
        )
    *_, height, width = pixels.shape
    if (height, width) not in program.spec.sizes:
        raise _other_size((height, width), program.spec.sizes)
    return height, width


def _wanted(size: Size, sizes: Sequence[Size]) -> Size:
    """The size, if programs may be of any, or are of this one."""
    if sizes and size not in sizes:
        raise _other_size(size, sizes)
    return size


def _other_size(size: Size, sizes: Sequence[Size]) -> UsageError:
    taken = ", ".join(f"{height} x {width}" for height, width in sizes)
    largest_height, largest_width = max(sizes)
    larger = " larger" if size[0] > largest_height or size[1] > largest_width else ""
    return UsageError(
        f"the processor makes{larger} images of {size[0]} x {size[1]} pixels, and the vision program takes "
        f"{taken}. Give that size as img_size (--img-size), or copy the processor's files that belong to this model."
    )


def _sizes(made: Mapping[str, torch.Tensor], config: Any) -> list[Size]:
    """Height and width of each image, by whatever the processor says of them."""
    for name in _GRIDS:
        if name in made:
            side = int(vision_of(config).patch_size)
            return [(int(rows) * side, int(columns) * side) for *_, rows, columns in made[name].tolist()]
    if _PLACES in made:
        vision = vision_of(config)
        # A patch may be as large as a token.
        side = int(getattr(vision, "model_patch_size", vision.patch_size))
        furthest = (made[_PLACES].amax(1) + 1).tolist()
        return [(rows * side, columns * side) for columns, rows in furthest]
    if _SIZES in made:
        return [(int(height), int(width)) for height, width in made[_SIZES].tolist()]
    if _MASK in made:
        masks = made[_MASK].flatten(0, -3)
        return [(int(mask.any(1).sum()), int(mask.any(0).sum())) for mask in masks]
    *images, _, height, width = made[PIXELS].shape
    return [(height, width)] * images[-1]


def _cut(pixels: torch.Tensor, layouts: Sequence[Any]) -> list[torch.Tensor]:
    """Each image's own pixels, in the shape of its layout, without what it was filled up with."""
    found, start = [], 0
    for layout in layouts:
        axis = layout.images_axis
        length = layout.shape[axis]
        own = pixels.narrow(axis, start, min(length, max(pixels.shape[axis] - start, 0)))
        start += length
        for other, size in enumerate(layout.shape):
            if other != axis and other < own.ndim:
                own = own.narrow(other, 0, min(size, own.shape[other]))
        if tuple(own.shape) != tuple(layout.shape):
            raise UsageError(
                f"the processor makes pixels {list(pixels.shape)}, and an image of {layout.image_size[0]} x "
                f"{layout.image_size[1]} has {list(layout.shape)}. Copy the processor's files that belong to this "
                "model."
            )
        found.append(own)
    rest = pixels.shape[layouts[-1].images_axis] - start if layouts else 0
    if rest:
        raise UsageError(
            f"the processor makes pixels {list(pixels.shape)}, which hold more than the {len(layouts)} images that it "
            "tells of. Copy the processor's files that belong to this model."
        )
    return found


def _check_beside(made: Mapping[str, torch.Tensor], layout: Any, index: int) -> None:
    """What the processor says of an image is what its program was made with."""
    for name, known in vars(layout).items():
        if isinstance(known, torch.Tensor) and name in made and name != _MASK:
            said = made[name][index]
            if name == _PLACES:
                is_place = (said != _NO_PLACE).any(-1)
                said = said[is_place]
            if said.flatten().tolist() != known[0].flatten().tolist():
                raise UsageError(
                    f"the processor says {name} {said.tolist()} of image {index}, and the vision program is made for "
                    f"{known[0].tolist()}: videos, and grids of another form, are not taken."
                )


def _refuse_further_inputs(made: Mapping[str, torch.Tensor], model: Any, beside: Sequence[str]) -> None:
    """What the processor makes beside pixels, and upstream's model reads, has to say nothing that is not known."""
    # The methods of upstream's class, from which the loaded model's derives.
    read = {name for kind in type(model).__mro__ if "forward" in vars(kind) for name in _parameters(kind)}
    for name in sorted(set(made) - {PIXELS, *_OF_TEXT, *beside}):
        if name in read and not _follows(name, made, model):
            raise UsageError(
                f"the processor makes {name} of the images too, which the vision program does not take: "
                f"{str(made[name].tolist())[:80]}."
            )


def _follows(name: str, made: Mapping[str, torch.Tensor], model: Any) -> bool:
    """Whether an input says no more than the tokens, and one image, do."""
    if name in _TOKEN_TYPES:
        is_image = (made["input_ids"] == model.config.image_token_id).to(made[name].dtype)
        # Of a prompt whose tokens all attend to one another, all are of one type.
        expected = torch.zeros_like(is_image) if getattr(model, "both_ways", None) == "prompt" else is_image
        return torch.equal(made[name], expected)
    # Images of a prompt with several are not cut into tiles, which one alone is.
    return name == _IMAGES_OF_PROMPTS and made[name].flatten().tolist() == [1]


def _parameters(kind: type[Any]) -> list[str]:
    return list(inspect.signature(kind.forward).parameters)
