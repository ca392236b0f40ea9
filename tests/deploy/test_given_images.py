"""A processor's tensors, cut into images: each in its program's shape, and nothing said that this does not know."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.deploy.given_images import GivenImage, given_images
from qeff_codegen.deploy.vision_programs import VisionPrograms
from qeff_codegen.errors import UsageError
from qeff_codegen.tiny_models.image_families import (
    IMAGE_TOKEN,
    build_image_config,
    find_image_family,
    image_variants,
    inputs_of_images,
)
from qeff_codegen.tiny_models.models import build_tiny_model


def model_of(name: str) -> Any:
    family = find_image_family(name)
    assert family is not None
    model = build_tiny_model(family.model_class, build_image_config(family, image_variants(family)[0]), seed=0)
    return load_transforms(name, INSTALLED).apply(model).eval()


@pytest.fixture(scope="module")
def mistral3() -> Any:
    return model_of("mistral3")


@pytest.fixture(scope="module")
def qwen() -> Any:
    return model_of("qwen2_5_vl")


def of_two_sizes() -> dict[str, torch.Tensor]:
    """What a processor makes of two images, the smaller of which it fills up."""
    pixels = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(1))
    pixels[0, :, 8:], pixels[0, :, :, 16:] = 0, 0
    tokens = torch.tensor([[1, *[IMAGE_TOKEN] * 2, 2, *[IMAGE_TOKEN] * 6]])
    return {"input_ids": tokens, "pixel_values": pixels, "image_sizes": torch.tensor([[8, 16], [16, 24]])}


def embeds(images: list[GivenImage]) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([image.program.encoder(image.pixels)[0] for image in images])


def test_images_filled_up_to_the_largest_are_cut_out_again(mistral3: Any) -> None:
    made = of_two_sizes()
    images = given_images(made, mistral3, VisionPrograms(mistral3))
    assert [tuple(image.pixels.shape) for image in images] == [(1, 3, 8, 16), (1, 3, 16, 24)]
    assert [image.tokens for image in images] == [2, 6]
    with torch.no_grad():
        upstream = mistral3.model.get_image_features(
            pixel_values=made["pixel_values"], image_sizes=made["image_sizes"], return_dict=True
        ).pooler_output
    torch.testing.assert_close(embeds(images), torch.cat(list(upstream)))


def test_images_of_one_size_share_a_program(mistral3: Any) -> None:
    made = of_two_sizes() | {"image_sizes": torch.tensor([[16, 24], [16, 24]])}
    first, second = given_images(made, mistral3, VisionPrograms(mistral3))
    assert first.program is second.program


def of_rows(qwen: Any, *grids: tuple[int, int, int]) -> dict[str, torch.Tensor]:
    """Patches of images one below the other, as a processor of grids makes them."""
    rows = sum(frames * height * width for frames, height, width in grids)
    tokens = torch.tensor([[1, *[IMAGE_TOKEN] * (rows // 4)]])
    types = (tokens == IMAGE_TOKEN).int()
    pixels = torch.randn(rows, 3 * 2 * 16, generator=torch.Generator().manual_seed(1))
    return {
        "input_ids": tokens,
        "pixel_values": pixels,
        "image_grid_thw": torch.tensor(grids),
        "mm_token_type_ids": types,
    }


def test_rows_of_patches_are_dealt_out_by_grids(qwen: Any) -> None:
    made = of_rows(qwen, (1, 4, 6), (1, 2, 4))
    images = given_images(made, qwen, VisionPrograms(qwen))
    assert [image.pixels.shape[0] for image in images] == [24, 8]
    given = inputs_of_images(qwen, [image.program.layout for image in images], [image.pixels for image in images])
    with torch.no_grad():
        upstream = qwen.model.get_image_features(**given, return_dict=True).pooler_output
    torch.testing.assert_close(embeds(images), torch.cat(list(upstream)))


@pytest.mark.parametrize("name", ["gemma4", "gemma4_unified"])
def test_places_of_patches_say_how_large_an_image_is(name: str) -> None:
    model = model_of(name)
    programs = VisionPrograms(model)
    layouts = [programs.of_size(size).layout for size in ((16, 32), (8, 16))]
    rows = layouts[0].shape[1] + 4
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand(2, rows, layouts[0].shape[2], generator=generator)
    places = torch.full((2, rows, 2), -1)
    for image, layout in enumerate(layouts):
        pixels[image, layout.shape[1] :] = 0
        places[image, : layout.shape[1]] = layout.image_position_ids[0]
    made = {"input_ids": torch.tensor([[1]]), "pixel_values": pixels, "image_position_ids": places}
    images = given_images(made, model, programs)
    assert [image.program.layout.image_size for image in images] == [(16, 32), (8, 16)]
    with torch.no_grad():
        upstream = model.model.get_image_features(
            pixel_values=pixels, image_position_ids=places, return_dict=True
        ).pooler_output
    torch.testing.assert_close(embeds(images), torch.cat(list(upstream)))
    with pytest.raises(UsageError, match="says image_position_ids"):
        given_images({**made, "image_position_ids": places.flip(-1).sort(1).values}, model, programs)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            lambda made: {**made, "image_grid_thw": torch.tensor([[2, 2, 6]])},
            r"says image_grid_thw \[2, 2, 6\] of image 0",
        ),
        (
            lambda made: {**made, "pixel_values": made["pixel_values"][:12]},
            r"makes pixels \[12, 96\], and an image of",
        ),
        (lambda made: {**made, "pixel_values": made["pixel_values"].repeat(2, 1)}, "hold more than the 1 images"),
        (lambda made: {**made, "mm_token_type_ids": made["mm_token_type_ids"] * 0}, "makes mm_token_type_ids of the"),
        (lambda made: {**made, "video_grid_thw": made["image_grid_thw"]}, "makes video_grid_thw of the images too"),
        (
            lambda made: {name: made[name] for name in ("input_ids",)},
            "makes no pixel_values of the images: it makes in",
        ),
    ],
)
def test_what_a_program_does_not_know_is_said(qwen: Any, changed: Any, message: str) -> None:
    made = changed(of_rows(qwen, (1, 4, 6)))
    with pytest.raises(UsageError, match=message):
        given_images(made, qwen, VisionPrograms(qwen))
