"""How the pixels of one image are laid out, by settings that configurations call by several names."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.one_image import PatchRows


def config(**settings: int) -> SimpleNamespace:
    vision = SimpleNamespace(model_type="plum", patch_size=4, num_channels=3, **settings)
    return SimpleNamespace(model_type="plum", vision_config=vision)


@pytest.mark.parametrize(
    ("settings", "columns", "merged"),
    [
        ({}, 48, 1),
        ({"temporal_patch_size": 2, "spatial_merge_size": 2}, 96, 2),
        ({"patch_temporal": 2, "merge_size": 2}, 96, 2),
    ],
)
def test_patches_of_one_image_are_rows(settings: dict[str, int], columns: int, merged: int) -> None:
    image = PatchRows(config(**settings), (16, 24))
    assert image.shape == (24, columns)
    assert image.image_grid_thw.tolist() == [[1, 4, 6]]
    assert image.image_merge_sizes.tolist() == [merged]


def test_an_image_is_made_of_whole_tokens() -> None:
    with pytest.raises(UsageError, match="12 x 24 pixels is not made of whole squares of 8 pixels"):
        PatchRows(config(merge_size=2), (12, 24))
