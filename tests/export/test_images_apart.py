"""An image's features are its own: what makes them of other images too is refused, and of two alone nothing is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from qeff_codegen.errors import Refusal
from qeff_codegen.export.images_apart import refuse_mixed_images
from qeff_codegen.export.vision_export import export_vision

_Body = Callable[[torch.Tensor], torch.Tensor]
CONFIG = SimpleNamespace(vision_config=SimpleNamespace(num_channels=3, image_size=8, model_type="plum"))
SHAPE = (1, 3, 8, 8)


class Layout:
    images_axis = 0
    shape = SHAPE
    image_size = (8, 8)

    def __init__(self) -> None:
        self.sizes = torch.tensor([[8, 8]])


class Tower(nn.Module):
    """A tower of any number of images, `[images, 3, 8, 8]` to `[images, 8, 24]`."""

    def __init__(self, body: _Body) -> None:
        super().__init__()
        self.body, self.config = body, CONFIG
        self.linear = nn.Linear(24, 24)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.linear(self.body(pixel_values.transpose(1, 2).flatten(2)))
        return made


class OneImage(Tower):
    """The same for one image a call, whose layout says of what size it is."""

    takes_one_image = True

    def __init__(self, body: _Body) -> None:
        super().__init__(body)
        self.image = Layout()

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        assert len(self.image.sizes) == len(pixel_values)
        return super().forward(pixel_values).flatten(0, 1).unsqueeze(0)


def alike(x: torch.Tensor) -> torch.Tensor:
    return x * 2 - x.mean(1, keepdim=True)


@pytest.mark.parametrize("kind", [Tower, OneImage])
@pytest.mark.parametrize(
    "body", [lambda x: x.flip(0), lambda x: x - x.mean(0, keepdim=True), lambda x: x * len(x), lambda x: x / x.norm()]
)
def test_images_that_are_mixed_are_refused(kind: type[Tower], body: _Body, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="other features of an image beside another image"):
        export_vision(kind(body).eval(), tmp_path / "vision.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [Tower, OneImage])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_images_that_stay_apart_are_not(kind: type[Tower], dtype: torch.dtype) -> None:
    encoder = kind(alike).eval().to(dtype)
    refuse_mixed_images(encoder, SHAPE)
    image = getattr(encoder, "image", None)
    assert image is None or type(image) is Layout
