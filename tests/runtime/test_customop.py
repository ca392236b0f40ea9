"""Each custom operator's PyTorch form against its ONNX form in onnxruntime, and both against what is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from qeff_codegen.runtime.constants import INVALID_INDEX, ONNX_EXPORT_OPSET
from qeff_codegen.runtime.customop import (
    CtxGatherFunc,
    CtxGatherFuncCB,
    CtxScatterFunc,
    CtxScatterFuncCB,
    CtxScatterFuncCB3D,
    CustomRMSNormAIC,
    GemmaCustomRMSNormAIC,
)

# The exporter announces its own retirement, and that it traces a length.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")

CLOUD = "com.qualcomm.cloud"


class _Apply(nn.Module):
    """Calls one custom operator, with a cache length read from a tensor's shape as the KV cache does."""

    def __init__(self, function: type[torch.autograd.Function]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        if "Gather" in self.function.__name__:
            return self.function.apply(*args, args[-1].shape[-1])
        return self.function.apply(*args)


def run_in_onnxruntime(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], tmp_path: Path
) -> tuple[np.ndarray, onnx.ModelProto]:
    path = tmp_path / "operator.onnx"
    names = [f"x{index}" for index in range(len(inputs))]
    torch.onnx.export(
        module.eval(), inputs, str(path), input_names=names, opset_version=ONNX_EXPORT_OPSET, dynamo=False
    )
    session = ort.InferenceSession(str(path))
    feeds = {node.name: tensor.numpy() for node, tensor in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, feeds)[0], onnx.load(path)


def assert_forms_agree(
    function: type[torch.autograd.Function], inputs: tuple[torch.Tensor, ...], tmp_path: Path
) -> np.ndarray:
    in_torch = _Apply(function)(*inputs).numpy()
    in_onnxruntime, model = run_in_onnxruntime(_Apply(function), inputs, tmp_path)
    assert np.array_equal(in_torch, in_onnxruntime)
    (carried,) = model.functions
    assert (carried.domain, carried.name) == (CLOUD, function.__name__.replace("Func", ""))
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": ONNX_EXPORT_OPSET, CLOUD: 1}
    return in_torch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_scatter_writes_at_positions_and_a_pad_wraps_to_the_last_slot(dtype: torch.dtype, tmp_path: Path) -> None:
    cache, updates = torch.rand(2, 3, 6, 4, dtype=dtype), torch.rand(2, 3, 2, 4, dtype=dtype)
    before = cache.clone()
    written = assert_forms_agree(CtxScatterFunc, (cache, torch.tensor([[3, 4], [0, -1]]), updates), tmp_path)
    expected = cache.clone()
    expected[0, :, 3:5] = updates[0]
    expected[1, :, 0], expected[1, :, 5] = updates[1, :, 0], updates[1, :, 1]
    assert np.array_equal(written, expected.numpy())
    assert torch.equal(cache, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_scatter_with_batch_index_drops_invalid_writes(dtype: torch.dtype, tmp_path: Path) -> None:
    cache, updates = torch.rand(4, 3, 6, 4, dtype=dtype), torch.rand(2, 3, 3, 4, dtype=dtype)
    before = cache.clone()
    positions = torch.tensor([[4, 5, INVALID_INDEX], [INVALID_INDEX] * 3])
    written = assert_forms_agree(CtxScatterFuncCB, (cache, torch.tensor([[2], [0]]), positions, updates), tmp_path)
    expected = cache.clone()
    expected[2, :, 4:6] = updates[0, :, :2]
    assert np.array_equal(written, expected.numpy())
    assert torch.equal(cache, before)


def test_scatter_with_batch_index_lets_an_idle_row_name_a_busy_one(tmp_path: Path) -> None:
    cache, updates = torch.rand(2, 1, 3, 2), torch.rand(2, 1, 1, 2)
    positions = torch.tensor([[1], [INVALID_INDEX]])
    written = assert_forms_agree(CtxScatterFuncCB, (cache, torch.tensor([[0], [0]]), positions, updates), tmp_path)
    assert np.array_equal(written[0, 0, 1], updates[0, 0, 0].numpy())


def test_scatter_of_single_values_into_rows_drops_invalid_writes(tmp_path: Path) -> None:
    seen, columns = torch.zeros(4, 6, dtype=torch.bool), torch.tensor([[5, 1, 5], [0, INVALID_INDEX, 2]])
    updates = torch.tensor([[True, True, True], [False, True, True]])
    written = assert_forms_agree(CtxScatterFuncCB3D, (seen, torch.tensor([[2], [0]]), columns, updates), tmp_path)
    assert np.argwhere(written).tolist() == [[0, 2], [2, 1], [2, 5]]
    assert not seen.any()


def test_gather_reads_slots_and_an_invalid_one_reads_the_first(tmp_path: Path) -> None:
    cache = torch.rand(2, 3, 6, 4)
    slots = torch.tensor([[[0, 1, INVALID_INDEX]], [[5, 2, 0]]])
    read = assert_forms_agree(CtxGatherFunc, (cache, slots), tmp_path)
    expected = torch.stack([cache[0, :, [0, 1, 0]], cache[1, :, [5, 2, 0]]])
    assert np.array_equal(read, expected.numpy())


def test_gather_with_batch_index(tmp_path: Path) -> None:
    cache = torch.rand(4, 3, 6, 4)
    slots = torch.tensor([[[0, 1, INVALID_INDEX]], [[5, 2, 0]]])
    read = assert_forms_agree(CtxGatherFuncCB, (cache, torch.tensor([[3], [1]]), slots), tmp_path)
    expected = torch.stack([cache[3, :, [0, 1, 0]], cache[1, :, [5, 2, 0]]])
    assert np.array_equal(read, expected.numpy())


def upstream_norm(norm_class: type[nn.Module], dtype: torch.dtype) -> Any:
    norm: Any = norm_class(32, eps=0.3)
    torch.manual_seed(0)
    nn.init.uniform_(norm.weight, -1.0, 1.0)
    return norm.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("upstream_class", "replacement"),
    [(LlamaRMSNorm, CustomRMSNormAIC), (GemmaRMSNorm, GemmaCustomRMSNormAIC)],
    ids=["variance_epsilon", "eps_and_one_plus_weight"],
)
def test_rms_norm_equals_upstream(
    upstream_class: type[nn.Module], replacement: type[nn.Module], dtype: torch.dtype, tmp_path: Path
) -> None:
    norm = upstream_norm(upstream_class, dtype)
    # In float16 the square of the largest number overflows, unless the norm computes in float32.
    hidden_states = torch.linspace(-300, 300, 3 * 2 * 32).reshape(3, 2, 32).to(dtype)
    small_states = hidden_states / 1000
    expected = [norm(states).detach() for states in (hidden_states, small_states)]
    norm.__class__ = replacement
    if hasattr(norm, "__qeff_init__"):
        norm.__qeff_init__()
    tolerance = 1e-6 if dtype == torch.float32 else 2e-3
    for states, upstream_result in zip((hidden_states, small_states), expected, strict=True):
        in_torch = norm(states).detach().numpy()
        in_onnxruntime, model = run_in_onnxruntime(norm, (states,), tmp_path)
        assert in_torch.dtype == in_onnxruntime.dtype == upstream_result.numpy().dtype
        np.testing.assert_allclose(in_torch, upstream_result, rtol=0, atol=tolerance)
        np.testing.assert_allclose(in_onnxruntime, upstream_result, rtol=0, atol=tolerance)
        (node,) = [node for node in model.graph.node if node.op_type == "CustomRMSNorm"]
        assert node.domain == "com.qti.aisw.onnx"
        assert [attribute.name for attribute in node.attribute] == ["epsilon"]


def test_one_is_folded_into_gemmas_weight_once() -> None:
    norm = upstream_norm(GemmaRMSNorm, torch.float32)
    shared_weight = norm.weight
    before = shared_weight.detach().clone()
    norm.__class__ = GemmaCustomRMSNormAIC
    norm.__qeff_init__()
    norm.__qeff_init__()
    assert torch.equal(norm.weight, before + 1.0)
    assert torch.equal(shared_weight, before)
