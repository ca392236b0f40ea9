"""Operators that the exporter lacks or gets wrong give PyTorch's numbers in ONNX Runtime."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

from qeff_codegen.export.missing_operators import register_missing_operators
from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET

WEIGHT = torch.linspace(-2, 2, 8)

Forward = Callable[[torch.Tensor], torch.Tensor]


class Calling(nn.Module):
    def __init__(self, function: Forward) -> None:
        super().__init__()
        self.function = function

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return self.function(value)


def beside_a_reshape(value: torch.Tensor) -> torch.Tensor:
    """Repeats the last axis; the -1 of the reshape must stay one."""
    batch, length = value.shape[:2]
    split = value.view(batch, length, -1, 4)
    return torch.cat((split.repeat_interleave(2, dim=-1), split), dim=-1).reshape(batch, length, -1)


@pytest.mark.parametrize(
    "function",
    [
        torch.expm1,
        lambda value: value.repeat_interleave(3, dim=-1),
        lambda value: value.repeat_interleave(2, dim=0),
        lambda value: value.repeat_interleave(2, dim=1) * 2,
        beside_a_reshape,
        lambda value: functional.rms_norm(value * 1e-3, (8,)),
        lambda value: functional.rms_norm(value, (8,), WEIGHT, eps=0.1),
        lambda value: functional.rms_norm(value.unflatten(2, (2, 4)), (2, 4), WEIGHT.view(2, 4)).flatten(2),
        lambda value: functional.rms_norm(value.double() * 1e-7, (8,)).float(),
        lambda value: torch.logsumexp(value * 40, dim=-1, keepdim=True),
        lambda value: torch.logsumexp(value, dim=(0, 2)) * 2,
        lambda value: torch.logsumexp(torch.where(value < 0.9, -torch.inf, value), dim=-1),
    ],
    ids=[
        "expm1",
        "last axis",
        "first axis",
        "middle axis",
        "beside a reshape",
        "rms_norm",
        "weight",
        "two axes",
        "double",
        "logsumexp",
        "logsumexp over two axes",
        "logsumexp of nothing",
    ],
)
def test_equal_to_pytorch_at_another_size(function: Forward, tmp_path: Path) -> None:
    value = torch.rand(3, 5, 8)
    found, expected = run_exported(function, value, tmp_path), function(value).numpy()
    # Results up to 40, whose last bit is worth more than the difference that smaller ones may have.
    np.testing.assert_allclose(found, expected, rtol=float(np.finfo(np.float32).eps), atol=1e-6)


def test_rms_norm_of_half_takes_the_epsilon_of_float(tmp_path: Path) -> None:
    """With half's own epsilon, values this small would come out near zero."""
    value = torch.rand(3, 5, 8)

    def norm(value: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm((value / 1024).half(), (8,)).float()

    np.testing.assert_allclose(run_exported(norm, value, tmp_path), norm(value).numpy(), rtol=0, atol=2e-3)


def run_exported(function: Forward, value: torch.Tensor, folder: Path) -> np.ndarray:
    """What the export of `function`, traced at another size, makes of `value` in ONNX Runtime."""
    register_missing_operators()
    path = folder / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Calling(function),
            (torch.rand(2, 3, 8),),
            str(path),
            input_names=["value"],
            dynamic_axes={"value": {0: "batch", 1: "length"}},
            opset_version=ONNX_EXPORT_OPSET,
            dynamo=False,
        )
    (result,) = onnxruntime.InferenceSession(path).run(None, {"value": value.numpy()})
    return result
