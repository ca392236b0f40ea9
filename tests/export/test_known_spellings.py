"""Operators that exports for the device lack are written in those they have, and give PyTorch's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional

from qeff_codegen.preflight.known_operators import known_operators
from tests.export.test_missing_operators import Forward, run_exported


@pytest.mark.parametrize(
    "function",
    [
        lambda value: functional.relu(value - 0.5),
        lambda value: (value - 0.5).abs(),
        lambda value: functional.softplus(1e3 * (value - 0.5)),
        lambda value: functional.softplus(8 * (value - 0.5), beta=3.0),
        lambda value: torch.norm(value - 0.5, p=1.0, dim=-1, keepdim=True),
        lambda value: torch.norm(value - 0.5, p=1.0, dim=(1, 2)),
        lambda value: torch.norm(value - 0.5, p=2.0, dim=-1, keepdim=True),
        lambda value: (value - 0.5).norm(p=2, dim=(1, 2)),
        lambda value: value.tril(),
        lambda value: value.tril(-1),
        lambda value: value.triu(2),
        lambda value: torch.where(torch.ones(value.shape[1:], dtype=torch.bool).tril(), value, 0.0),
    ],
    ids=[
        *("relu", "abs", "softplus", "softplus with beta", "norm", "norm over two axes"),
        *("euclidean norm", "euclidean norm over two axes"),
        *("tril", "tril below", "triu above", "tril of booleans"),
    ],
)
def test_equal_to_pytorch_in_known_operators(function: Forward, tmp_path: Path) -> None:
    value = torch.rand(3, 5, 8)
    result = run_exported(function, value, tmp_path)
    # A few units of float32 in the last place.
    np.testing.assert_allclose(result, function(value).numpy(), rtol=5e-7, atol=2e-7)
    used = {(node.domain, node.op_type) for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert used <= known_operators()


def test_other_norms_are_the_exporter_s(tmp_path: Path) -> None:
    value = torch.rand(3, 5, 8)
    result = run_exported(lambda each: torch.norm(each, p=3.0, dim=-1), value, tmp_path)
    np.testing.assert_allclose(result, torch.norm(value, p=3.0, dim=-1).numpy(), rtol=5e-7)
