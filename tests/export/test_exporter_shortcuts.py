"""What is left out of the exporter decides nothing, and is there again afterwards."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn
from torch.onnx._internal.torchscript_exporter import utils as exporter

from qeff_codegen.export import export, torchscript_export
from qeff_codegen.export.exporter_shortcuts import idle_passes_left_out, inner_shapes_left_out
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, upstream_llama


class _ListOfTensors(nn.Module):
    """Has a list of tensors that are all constant, which the exporter makes one constant, and ONNX has no such."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[torch.arange(2), torch.tensor([0, 1])]


def _traced(path: Path) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(_ListOfTensors(), (torch.zeros(2, 2),), str(path), opset_version=17, dynamo=False)
    return path.read_bytes()


def test_a_constant_list_of_tensors_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_it_is = _traced(tmp_path / "plain.onnx")
    with idle_passes_left_out():
        assert _traced(tmp_path / "left_out.onnx") == as_it_is
    # There is such a list, or this shows nothing.
    monkeypatch.setattr(exporter, "_split_tensor_list_constants", lambda graph, block: None)
    with pytest.raises(RuntimeError):
        _traced(tmp_path / "never.onnx")


@pytest.mark.parametrize("continuous_batching", [False, True])
def test_the_graph_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, continuous_batching: bool) -> None:
    spec = ExportSpec(CTX_LEN, continuous_batching=continuous_batching)
    model = qeff_llama(upstream_llama())
    short = onnx.load(export.export_onnx(model, tmp_path / "short.onnx", spec))
    monkeypatch.setattr(torchscript_export, "idle_passes_left_out", nullcontext)
    monkeypatch.setattr(export, "inner_shapes_left_out", nullcontext)
    assert onnx.load(export.export_onnx(model, tmp_path / "long.onnx", spec)) == short


def test_what_was_left_out_is_there_again() -> None:
    names = ("_jit_pass_lint", "_jit_pass_onnx_graph_shape_type_inference")
    before = [getattr(torch._C, name) for name in names], exporter._split_tensor_list_constants
    with pytest.raises(ZeroDivisionError), idle_passes_left_out(), inner_shapes_left_out():
        assert all(getattr(torch._C, name) is not was for name, was in zip(names, before[0], strict=True))
        raise ZeroDivisionError
    assert ([getattr(torch._C, name) for name in names], exporter._split_tensor_list_constants) == before
