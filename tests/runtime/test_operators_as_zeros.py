"""What the TorchScript exporter traces of a custom operator is thrown away, so only its shape must be right."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
import torch

from qeff_codegen.export import export
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.runtime.customop.ctx_scatter_gather import CtxGatherFunc, CtxScatterFunc
from qeff_codegen.runtime.customop.ctx_scatter_gather_cb import CtxGatherFuncCB, CtxScatterFuncCB
from qeff_codegen.runtime.customop.onnx_nodes import operators_as_zeros
from qeff_codegen.runtime.customop.rms_norm import CustomRMSNormFunc
from tests.runtime.toy_llama import qeff_llama, upstream_llama

CACHE = torch.rand(3, 2, 8, 4)
ROWS = torch.tensor([[2], [0]])
POSITIONS = torch.tensor([[0, 1, 2], [0, 1, 2]])
UPDATES = torch.rand(2, 2, 3, 4)
SLOTS = torch.arange(5).expand(2, 1, 5)


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [
        (CtxScatterFunc, (CACHE[:2], POSITIONS, UPDATES)),
        (CtxGatherFunc, (CACHE[:2], SLOTS, 5)),
        (CtxScatterFuncCB, (CACHE, ROWS, POSITIONS, UPDATES)),
        (CtxGatherFuncCB, (CACHE, ROWS, SLOTS, 5)),
        (CustomRMSNormFunc, (UPDATES, torch.rand(4), 1e-6)),
    ],
)
def test_zeros_have_the_shape_of_what_is_computed(
    operator: type[torch.autograd.Function], inputs: tuple[Any, ...]
) -> None:
    computed = operator.apply(*inputs)
    with operators_as_zeros():
        zeros = operator.apply(*inputs)
    assert (zeros.shape, zeros.dtype) == (computed.shape, computed.dtype)
    assert not zeros.any() and computed.any()
    assert torch.equal(operator.apply(*inputs), computed)


def test_an_export_leaves_garbage_collection_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = qeff_llama(upstream_llama()), []

    def fails(*_: object) -> None:
        seen.append(gc.isenabled())
        raise OSError("the disk is full")

    monkeypatch.setattr(export, "save_graph", fails)
    with pytest.raises(OSError, match="the disk is full"):
        export.export_onnx(model, tmp_path / "model.onnx", ExportSpec(ctx_len=8))
    assert seen == [False] and gc.isenabled()
