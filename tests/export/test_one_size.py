"""What no image decides is computed while a tower is traced; what an image shows may not be asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn
from torch.nn import functional

from qeff_codegen.errors import Refusal
from qeff_codegen.export.vision_export import export_vision

_Body = Callable[["Tower", torch.Tensor], torch.Tensor]


class Tower(nn.Module):
    places: torch.Tensor
    takes_one_image = True

    def __init__(self, body: _Body) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 3, 5, 5))
        self.register_buffer("places", torch.arange(4), persistent=False)
        self.with_bias, self.without_bias = Summary(bias=True), Summary(bias=False)
        self.body = body
        self.config = SimpleNamespace(vision_config=SimpleNamespace(num_channels=3, image_size=8, model_type="plum"))

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.body(self, pixel_values)


def resized_table(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return x + functional.interpolate(tower.table, size=x.shape[-2:], mode="bicubic", antialias=True)


def asks_whether_it_is_traced(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, size=(4, 4), mode="bicubic") if torch.jit.is_tracing() else x * 2


def lengths_as_numbers(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    lengths = torch.tensor([x.shape[-1] - 3, 3])
    parts = [part * 2 for part in torch.split(x, lengths.tolist(), dim=-1)]
    return torch.cat([*parts[::-1], *x.split(3, dim=-1)], dim=-1)


def places_of_sizes(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return x[0][torch.tensor([[2, 0], [1, 1]])] + x[0, 0][torch.arange(7, -1, -1), :]


def mask_of_sizes(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    mask = torch.arange(x.shape[-1]) > 2
    return x[..., mask, :] * x[:, :, mask, :1]


def written_to(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    made = torch.zeros(2, 4, 8, 8)
    made[:, 1:] = x
    return made + tower.places[0]


def added_to(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    made = torch.ones(1, 3, 8, 8)
    made.add_(x)
    return made * 2


class Summary(nn.Module):
    """Vectors of an image by an attention of PyTorch's own, as towers sum one up."""

    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        self.probe = nn.Parameter(torch.randn(1, 2, 8))
        self.attention = nn.MultiheadAttention(8, 2, bias=bias, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(x.shape[0], 24, 8)
        attended: torch.Tensor = self.attention(self.probe.repeat(x.shape[0], 1, 1), rows, rows * 2)[0]
        return attended


def summed_up(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    summed: torch.Tensor = tower.with_bias(x) + tower.without_bias(x)
    return summed


def turned(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    pairs = torch.view_as_complex(x.reshape(1, 3, 8, 4, 2))
    table = torch.polar(torch.ones(8, 4), torch.arange(32.0).reshape(8, 4)).to(pairs.device)
    turned_twice: torch.Tensor = torch.view_as_real(table.view(1, *pairs.shape[2:]) * (pairs * table)).flatten(3)
    return turned_twice


def nothing_left_out(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return x[torch.arange(3).view(1, 3) >= 0] * 2


def loop(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return torch.stack([row * 2 for row in x.squeeze(0).squeeze(1)])


def asked(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return x * 2 if x.sum() > 0 else x


def as_number(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return x * int(x.max())


def masked(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    return x[x > 0]


def complex_sum(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    pairs = torch.view_as_complex(x.reshape(1, 3, 8, 4, 2))
    return torch.view_as_real(pairs + pairs).flatten(3)


def complex_of_real(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    pairs = torch.view_as_complex(x.reshape(1, 3, 8, 4, 2))
    return torch.view_as_real(pairs * tower.places).flatten(3)


def written_to_a_part(tower: Tower, x: torch.Tensor) -> torch.Tensor:
    made = torch.zeros(2, 3, 8, 8)
    made[1].copy_(x[0])
    return made


@pytest.mark.parametrize(
    "body",
    [
        resized_table,
        asks_whether_it_is_traced,
        lengths_as_numbers,
        mask_of_sizes,
        places_of_sizes,
        written_to,
        added_to,
        summed_up,
        turned,
        nothing_left_out,
        loop,
    ],
)
def test_what_no_image_decides_is_computed(body: _Body, tmp_path: Path) -> None:
    tower = Tower(body).eval()
    path = export_vision(tower, tmp_path / "vision.onnx")
    graph = onnx.load(path).graph
    assert [each.dim_value for each in graph.input[0].type.tensor_type.shape.dim] == [1, 3, 8, 8]
    assert not {"Resize", "NonZero", "Shape", "Range"} & {node.op_type for node in graph.node}
    session = ort.InferenceSession(str(path))
    for pixels in (torch.randn(1, 3, 8, 8), torch.ones(1, 3, 8, 8)):
        with torch.no_grad():
            expected = tower(pixels).numpy()
        np.testing.assert_allclose(session.run(None, {"pixel_values": pixels.numpy()})[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (asked, "a condition"),
        (as_number, "`int(...)`"),
        (masked, "an index by a mask"),
        (written_to_a_part, "what is written to a part of a tensor"),
    ],
)
def test_what_an_image_shows_is_not_asked_for(body: _Body, what: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        export_vision(Tower(body).eval(), tmp_path / "vision.onnx")
    assert what in str(refused.value) and "depends on what an image shows" in str(refused.value)
    location = refused.value.location
    assert location is not None and location.path.endswith("test_one_size.py")
    assert location.excerpt.strip() and not list(tmp_path.iterdir())


@pytest.mark.parametrize("body", [complex_sum, complex_of_real])
def test_what_is_not_known_of_complex_numbers_is_refused(body: _Body, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="of complex numbers") as refused:
        export_vision(Tower(body).eval(), tmp_path / "vision.onnx")
    assert refused.value.location is not None and refused.value.location.path.endswith("test_one_size.py")
    assert not list(tmp_path.iterdir())


def test_nothing_stays_behind(tmp_path: Path) -> None:
    before: Any = (torch.jit.is_tracing, vars(torch.jit)["_get_trace_graph"])
    export_vision(Tower(resized_table).eval(), tmp_path / "vision.onnx")
    assert before == (torch.jit.is_tracing, vars(torch.jit)["_get_trace_graph"])
