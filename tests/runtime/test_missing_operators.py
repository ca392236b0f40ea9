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

from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET
from qeff_codegen.runtime.missing_operators import register_missing_operators

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
    ],
    ids=["expm1", "last axis", "first axis", "middle axis", "beside a reshape"],
)
def test_equal_to_pytorch_at_another_size(function: Forward, tmp_path: Path) -> None:
    register_missing_operators()
    path = tmp_path / "model.onnx"
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
    value = torch.rand(3, 5, 8)
    (result,) = onnxruntime.InferenceSession(path).run(None, {"value": value.numpy()})
    np.testing.assert_allclose(result, function(value).numpy(), rtol=0, atol=1e-6)
