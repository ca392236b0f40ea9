"""A graph with a function for every decoder-layer class: which functions, called how often, and the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from torch import nn

from qeff_codegen.decoding.continuous_batching import generate_continuously
from qeff_codegen.decoding.generation import Generation, generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.tiny_generated import tiny_generated
from tests.runtime.toy_llama import qeff_llama, random_prompts, upstream_llama

CTX_LEN = 24
SPEC = ExportSpec(CTX_LEN, use_onnx_subfunctions=True)
# Logits of a few units in float32, summed up in another order.
TOLERANCE = 5e-5


def layer_calls(model: onnx.ModelProto) -> list[str]:
    """The functions of layers that the graph calls, in their order."""
    own = {(function.domain, function.name) for function in model.functions if not function.domain.startswith("com.")}
    called = [node.op_type for node in model.graph.node if (node.domain, node.op_type) in own]
    assert {name for _, name in own} == set(called)
    return called


def weights(graph: onnx.GraphProto) -> list[bytes]:
    return sorted(tensor.raw_data for tensor in graph.initializer)


def same(found: Generation, expected: Generation) -> bool:
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=TOLERANCE)
    return found.tokens == expected.tokens


def answers(decoder: Any) -> Generation:
    return generate(decoder.run, random_prompts(5, 11), prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=6)


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("llama", ["QEffLlamaDecoderLayer"] * 2),
        ("mixtral", ["QEffMixtralDecoderLayer"] * 2),
        # A window is in the mask, which is an argument.
        ("gemma3_text", ["QEffGemma3DecoderLayer"] * 2),
        # The first layer is dense.
        ("deepseek_v3", ["QEffDeepseekV3DecoderLayer_1", "QEffDeepseekV3DecoderLayer_2"]),
        # Layers of two sizes, and for each one that takes keys and values from it.
        ("gemma4_text", [f"QEffGemma4TextDecoderLayer_{number}" for number in (1, 2, 3, 4)]),
    ],
)
def test_layers_that_compute_the_same_call_one_function(name: str, calls: list[str], tmp_path: Path) -> None:
    model = tiny_generated(name)
    path = export_onnx(model, tmp_path / "model.onnx", SPEC)
    onnx.checker.check_model(onnx.load(path))
    assert layer_calls(onnx.load(path)) == calls
    assert same(answers(OrtDecoderSession(path, 2, CTX_LEN)), answers(TorchDecoder(model, 2, CTX_LEN)))


def test_everything_of_a_layer_is_in_its_function(tmp_path: Path) -> None:
    model = onnx.load(export_onnx(tiny_generated("llama"), tmp_path / "model.onnx", SPEC))
    outside = {node.op_type for node in model.graph.node}
    (function,) = (item for item in model.functions if item.name == "QEffLlamaDecoderLayer")
    inside = [node.op_type for node in function.node]
    assert outside.isdisjoint({"CtxScatter", "CtxGather", "Softmax", "Slice"})
    assert {name: inside.count(name) for name in ("CtxScatter", "CtxGather", "CustomRMSNorm", "MatMul")} == {
        "CtxScatter": 2,
        "CtxGather": 2,
        "CustomRMSNorm": 2,
        "MatMul": 9,
    }
    assert function.domain == "generated.llama.modeling_llama"
    assert {"self_attn.q_proj.weight", "past_key", "past_value", "position_ids"} <= set(function.input)
    assert {"past_key_RetainedState", "past_value_RetainedState"} <= set(function.output)
    first, second = (node for node in model.graph.node if node.op_type == "QEffLlamaDecoderLayer")
    assert set(first.input) & set(second.input) == {
        "position_ids",
        *(name for name in first.input if name.startswith(("/decoder/model/rotary_emb/", "/decoder/model/Greater"))),
    }
    assert not any("layers" in name for node in function.node for name in (node.name, *node.input, *node.output))


def test_inputs_and_outputs_are_those_of_a_graph_without_functions(tmp_path: Path) -> None:
    model = qeff_llama_with_layers(3)
    plain = onnx.load(export_onnx(model, tmp_path / "plain.onnx", ExportSpec(CTX_LEN))).graph
    graph = onnx.load(export_onnx(model, tmp_path / "model.onnx", SPEC)).graph
    assert list(graph.input) == list(plain.input)
    assert list(graph.output) == list(plain.output)
    assert weights(graph) == weights(plain)


def test_continuous_batching_and_compute_context_lengths(tmp_path: Path) -> None:
    model = tiny_generated("llama")
    spec = ExportSpec(CTX_LEN, continuous_batching=True, use_onnx_subfunctions=True)
    path = export_onnx(model, tmp_path / "model.onnx", spec)
    assert layer_calls(onnx.load(path)) == ["QEffLlamaDecoderLayer"] * 2
    found, expected = (
        generate_continuously(
            decoder.run,
            random_prompts(5, 11, 3),
            full_batch_size=2,
            prefill_seq_len=4,
            ctx_len=CTX_LEN,
            max_new_tokens=(4, 5, 6),
        )
        for decoder in (OrtDecoderSession(path, 2, CTX_LEN), TorchDecoder(model, 2, CTX_LEN))
    )
    assert found.tokens == expected.tokens
    lengths = ExportSpec(CTX_LEN, compute_context_length=True, use_onnx_subfunctions=True)
    path = export_onnx(model, tmp_path / "lengths.onnx", lengths)
    assert layer_calls(onnx.load(path)) == ["QEffLlamaDecoderLayer"] * 2
    tokens, positions = np.array([[3, 4, 5]]), np.array([[0, 1, 2]])
    for length in (4, CTX_LEN):
        given = np.zeros(length, dtype=np.int64)
        in_ort, in_torch = (
            decoder.run(tokens, positions, comp_ctx_lengths=given)
            for decoder in (OrtDecoderSession(path, 1, CTX_LEN), TorchDecoder(model, 1, CTX_LEN))
        )
        np.testing.assert_allclose(in_ort, in_torch, rtol=0, atol=TOLERANCE)


def test_a_layer_with_another_constant_is_another_function(tmp_path: Path) -> None:
    model = qeff_llama_with_layers(3)
    model.model.layers[1].self_attn.scaling *= 0.5
    path = export_onnx(model, tmp_path / "model.onnx", SPEC)
    assert layer_calls(onnx.load(path)) == [f"QEffLlamaDecoderLayer_{number}" for number in (1, 2, 1)]
    assert same(answers(OrtDecoderSession(path, 2, CTX_LEN)), answers(TorchDecoder(model, 2, CTX_LEN)))


def test_a_model_without_layers_to_name(tmp_path: Path) -> None:
    model = qeff_llama_with_layers(2)
    model.get_submodules_for_export = lambda: {nn.Conv1d}
    with pytest.raises(UsageError, match="has no layer of one: its get_submodules_for_export names Conv1d"):
        export_onnx(model, tmp_path / "model.onnx", SPEC)
    assert not list(tmp_path.iterdir())


def qeff_llama_with_layers(count: int) -> Any:
    model: Any = qeff_llama(upstream_llama(num_hidden_layers=count))
    layer_class = type(model.model.layers[0])
    model.get_submodules_for_export = lambda: {layer_class}
    return model
