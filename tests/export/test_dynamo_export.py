"""The graph that torch.export gives: the interface of every other graph, its operators, and the same numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from qeff_codegen.decoding.continuous_batching import generate_continuously
from qeff_codegen.decoding.generation import Generation, generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec, output_names
from qeff_codegen.export.kv_cache import kv_cache_shapes
from qeff_codegen.export.precision import convert
from qeff_codegen.export.sampler_io import SamplerSpec
from tests.runtime.tiny_generated import tiny_generated
from tests.runtime.toy_llama import random_prompts

CTX_LEN = 24
# Logits of a few units in float32, summed up in another order.
TOLERANCE = 5e-5


@pytest.fixture(scope="module")
def llama() -> Any:
    return tiny_generated("llama")


@pytest.fixture(scope="module")
def exported(llama: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = ExportSpec(CTX_LEN, dynamo=True)
    return export_onnx(llama, tmp_path_factory.mktemp("dynamo") / "model.onnx", spec)


def assert_same_answers(path: Path, model: Any) -> None:
    """Prompts of two lengths, in chunks of any length, to the end of the context; and one prompt, token by token."""
    for prompts, prefill_seq_len in ((random_prompts(5, 11), 7), (random_prompts(3), 1)):
        rows = len(prompts)
        found, expected = (
            generate(decoder.run, prompts, prefill_seq_len=prefill_seq_len, ctx_len=CTX_LEN)
            for decoder in (OrtDecoderSession(path, rows, CTX_LEN), TorchDecoder(model, rows, CTX_LEN))
        )
        assert found.tokens == expected.tokens
        np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=TOLERANCE)


def layer_functions(path: Path) -> list[str]:
    model = onnx.load(path)
    onnx.checker.check_model(model)
    return [function.name for function in model.functions if not function.domain.startswith("com.")]


def test_same_tokens(llama: Any, exported: Path) -> None:
    assert_same_answers(exported, llama)


def test_interface_is_that_of_the_other_exporter(llama: Any, exported: Path, tmp_path: Path) -> None:
    other = onnx.load(export_onnx(llama, tmp_path / "model.onnx", ExportSpec(CTX_LEN))).graph
    graph = onnx.load(exported).graph
    assert [onnx.helper.printable_value_info(value) for value in graph.input] == [
        onnx.helper.printable_value_info(value) for value in other.input
    ]
    assert [onnx.helper.printable_value_info(value) for value in graph.output] == [
        onnx.helper.printable_value_info(value) for value in other.output
    ]
    assert {tensor.name for tensor in graph.initializer} == {tensor.name for tensor in other.initializer}


def test_operators_and_opsets(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model)
    used = [node.op_type for node in model.graph.node if node.domain]
    counts = {"CtxScatter": 4, "CtxGather": 4, "CustomRMSNorm": 5}
    assert {operator: used.count(operator) for operator in set(used)} == counts
    assert {function.name for function in model.functions} == set(counts)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    assert opsets == {"": 18, "com.qualcomm.cloud": 1, "com.qti.aisw.onnx": 1}
    assert {opset.version for function in model.functions for opset in function.opset_import if not opset.domain} == {
        18
    }


def test_rotary_tables_are_there_once_and_nothing_says_where_it_was_made(exported: Path) -> None:
    model = onnx.load(exported)
    tables = [tensor.name for tensor in model.graph.initializer if "rotary" in tensor.name]
    assert sorted(tables) == ["model.rotary_emb.cos_cached", "model.rotary_emb.sin_cached"]
    assert b".py" not in exported.read_bytes()
    symbols = {dim.dim_param for value in model.graph.value_info for dim in value.type.tensor_type.shape.dim}
    assert not any(re.search(r"\bs\d+\b", symbol) for symbol in symbols)


def test_continuous_batching_with_compute_context_lengths_windows_and_functions(tmp_path: Path) -> None:
    model = tiny_generated("gemma3_text")
    spec = ExportSpec(
        CTX_LEN, continuous_batching=True, compute_context_length=True, use_onnx_subfunctions=True, dynamo=True
    )
    path = export_onnx(model, tmp_path / "model.onnx", spec)
    assert layer_functions(path) == ["QEffGemma3DecoderLayer"]
    prompts = random_prompts(5, 11, 3)

    def answers(decoder: Any) -> Generation:
        def run(*inputs: np.ndarray, **named: Any) -> np.ndarray:
            return np.asarray(decoder.run(*inputs, **named, comp_ctx_lengths=np.zeros(18, dtype=np.int64)))

        return generate_continuously(
            run, prompts, full_batch_size=2, prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=(4, 5, 6)
        )

    decoders = OrtDecoderSession(path, 2, CTX_LEN), TorchDecoder(model, 2, CTX_LEN)
    found, expected = (answers(decoder) for decoder in decoders)
    assert found.tokens == expected.tokens
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "further",
    [{"is_tlm": True}, {"sampler": SamplerSpec(return_pdfs=True, max_top_k_ids=8), "continuous_batching": True}],
    ids=["drafts", "sampler"],
)
def test_every_kind_of_graph_holds_proved_operators_alone(further: dict[str, Any], llama: Any, tmp_path: Path) -> None:
    spec = ExportSpec(CTX_LEN, dynamo=True, **further)
    graph = onnx.load(export_onnx(llama, tmp_path / "model.onnx", spec)).graph
    assert [value.name for value in graph.output] == output_names(spec, kv_cache_shapes(llama))


def test_float16_is_not_proved(tmp_path: Path) -> None:
    model = convert(tiny_generated("llama"), torch.float16)
    with pytest.raises(UsageError, match="in float16: translations are proved in float32 alone"):
        export_onnx(model, tmp_path / "model.onnx", ExportSpec(CTX_LEN, dynamo=True))


def test_a_table_of_biases_that_ends_with_the_positions(tmp_path: Path) -> None:
    model = tiny_generated("mpt")
    path = export_onnx(model, tmp_path / "model.onnx", ExportSpec(CTX_LEN, use_onnx_subfunctions=True, dynamo=True))
    assert layer_functions(path) == ["QEffMptBlock"]
    assert_same_answers(path, model)


def test_a_model_that_cannot_be_traced(tmp_path: Path) -> None:
    model = tiny_generated("llama")
    forward = model.model.forward

    def looks_at_values(*args: Any, **kwargs: Any) -> Any:
        outputs = forward(*args, **kwargs)
        return outputs if torch.all(kwargs["position_ids"] > 0) else outputs

    model.model.forward = looks_at_values
    with pytest.raises(UsageError, match="QEffLlamaForCausalLM cannot be exported with dynamo: .*data-dependent"):
        export_onnx(model, tmp_path / "model.onnx", ExportSpec(CTX_LEN, dynamo=True))
    assert not list(tmp_path.iterdir())
