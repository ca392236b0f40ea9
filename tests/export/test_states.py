"""Layers that keep states, or nothing, in shapes, graphs and what a graph may be asked for."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from qeff_codegen.decoding.generation import generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import (
    ExportSpec,
    KVShape,
    LayerShapes,
    StateShape,
    has_context,
    input_names,
    output_names,
    states_of,
)
from qeff_codegen.export.kv_cache import allocate_kv_cache, kv_cache_shapes
from qeff_codegen.export.with_states import check_call_length, check_drafts
from tests.runtime.toy_hybrid import toy_hybrid, whole_generation
from tests.runtime.toy_llama import random_prompts

CTX_LEN = 24
SHAPES: list[LayerShapes] = [
    (StateShape("conv_state", (32, 4)),),
    (KVShape("past_key", 2, 16), KVShape("past_value", 2, 16)),
    (),
    (StateShape("conv_state", (44, 4)), StateShape("recurrent_state", (2, 6, 10))),
]
NAMES = ["conv_state.0", "past_key.1", "past_value.1", "conv_state.3", "recurrent_state.3"]


@pytest.fixture(scope="module")
def model() -> Any:
    return toy_hybrid()


def test_shapes_are_what_the_layers_keep(model: Any) -> None:
    shapes = kv_cache_shapes(model)
    assert shapes == SHAPES
    assert states_of(shapes) == ["conv_state", "recurrent_state"] and has_context(shapes)
    assert not has_context(kv_cache_shapes(toy_hybrid("cr")))


def test_layers_come_in_order_and_are_written_once(model: Any) -> None:
    for layer, number, due in ((0, 3, 4), (3, 0, 2)):
        broken = copy.deepcopy(model)
        for module in broken.layers[layer].modules():
            module.layer_idx = number
        with pytest.raises(ValueError, match=f"updates layer . of the KV cache where layer {due} is due"):
            kv_cache_shapes(broken)


def test_a_recurrent_state_is_float32_in_every_model() -> None:
    cache = allocate_kv_cache(SHAPES, 3, 5, torch.float16)
    assert [[tuple(tensor.shape) for tensor in layer] for layer in cache] == [
        [(3, 32, 4)],
        [(3, 2, 5, 16)] * 2,
        [],
        [(3, 44, 4), (3, 2, 6, 10)],
    ]
    assert [tensor.dtype for tensor in cache[3]] == [torch.float16, torch.float32]


@pytest.mark.parametrize("kinds", ["ca-r", "r-", "cc"])
@pytest.mark.parametrize("continuous", [False, True])
def test_graphs_name_their_states(kinds: str, continuous: bool, tmp_path: Path) -> None:
    model = toy_hybrid(kinds)
    shapes = kv_cache_shapes(model)
    spec = ExportSpec(CTX_LEN, continuous_batching=continuous)
    graph = onnx.load(export_onnx(model, tmp_path / "model.onnx", spec)).graph
    assert [value.name for value in graph.input] == input_names(spec, shapes)
    assert [value.name for value in graph.output] == output_names(spec, shapes)
    rows = "full_batch_size" if continuous else "batch_size"
    for value in (*graph.input, *graph.output):
        if "state." in value.name:
            first, *others = value.type.tensor_type.shape.dim
            assert first.dim_param == rows and all(dim.dim_value for dim in others)
    if kinds == "ca-r":
        assert [value.name for value in graph.input][2:7] == NAMES


@pytest.mark.parametrize(
    "further", [{"use_onnx_subfunctions": True}, {"dynamo": True}, {"dynamo": True, "use_onnx_subfunctions": True}]
)
def test_every_way_to_a_graph(model: Any, further: dict[str, Any], tmp_path: Path) -> None:
    path = export_onnx(model, tmp_path / "model.onnx", ExportSpec(CTX_LEN, **further))
    if "use_onnx_subfunctions" in further:
        functions = {function.name for function in onnx.load(path).functions}
        # The recurrence has a convolution of its own, which is a function of that class too.
        assert {"Attention", "Feedforward", "Recurrence", "ShortConvolution_1"} <= functions
    prompts = random_prompts(9, 3)
    found = generate(
        OrtDecoderSession(path, 2, CTX_LEN).run, prompts, prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=4
    )
    expected = whole_generation(model, prompts, [4, 4])
    assert found.tokens == expected.tokens
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4 * expected.logits.std())


def test_what_states_do_not_allow_is_refused(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(UsageError, match="conv_states and recurrent_states, from which no token can be taken"):
        export_onnx(model, path, ExportSpec(CTX_LEN, is_tlm=True))
    with pytest.raises(UsageError, match="no layer of this model has attention"):
        export_onnx(toy_hybrid("r"), path, ExportSpec(CTX_LEN, compute_context_length=True))
    assert not path.exists()
    with pytest.raises(UsageError, match="prefill_seq_len is 1025.* at most 1024 tokens"):
        check_call_length(SHAPES, 1025)
    check_call_length(SHAPES[1:3], 1025)
    check_drafts(SHAPES[1:3])
