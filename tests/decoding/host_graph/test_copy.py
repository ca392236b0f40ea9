"""Which graphs have a copy for the host, and that it gives what the exported graph gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.decoding import host_session
from qeff_codegen.decoding.generation import generate
from qeff_codegen.decoding.host_graph.copy import host_graph
from qeff_codegen.decoding.host_session import HostDecoderSession, open_decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.precision import convert, precision
from qeff_codegen.export.sampler_io import SamplerSpec
from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.validation.comparison import compare
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.subjects import tiny_subject
from tests.runtime.tiny_generated import GENERATED, tiny_generated
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, random_prompts, upstream_llama

PLAIN = ExportSpec(CTX_LEN)
CONTINUOUS = ExportSpec(CTX_LEN, continuous_batching=True)
Exported = Callable[[ExportSpec], Path]

# Grouped keys and values; norms of queries and keys; a cap of the scores; one weight for all three, positions that are
# learned; all query heads on one key; experts.
FAMILIES = ["llama", "qwen3", "gemma2", "gpt2", "falcon", "mixtral"]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_copy_passes_every_scenario_of_the_exported_graph(name: str, tmp_path: Path) -> None:
    family = find_family(name)
    subject = tiny_subject(family, variants(family)[0])
    bench = OwnRuntime(load_transforms(name, GENERATED)).bench(subject, tmp_path)
    assert any(scenario.full_batch_size for scenario in subject.scenarios)
    for scenario in subject.scenarios:
        bench.onnx(scenario)  # exports it
        folder = tmp_path / ("continuous" if scenario.full_batch_size else "plain")
        decoder = open_decoder(folder / "model.onnx", scenario.cache_rows, scenario.ctx_len)
        assert isinstance(decoder, HostDecoderSession)
        exported = decode_greedily(bench.onnx(scenario), scenario)
        assert compare(exported, decode_greedily(decoder, scenario)).divergence is None


def operators(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


@pytest.mark.parametrize("spec", [PLAIN, CONTINUOUS])
def test_what_the_copy_is_made_of(exported: Exported, spec: ExportSpec) -> None:
    copy = host_graph(exported(spec))
    assert copy is not None
    found = operators(copy.model)
    layers = 2
    assert found.count("ScatterND") == found.count("RotaryEmbedding") == 2 * layers
    assert found.count("FusedMatMul") == found.count("Softmax") == layers
    assert found.count("SkipSimplifiedLayerNormalization") == 2 * layers
    assert not {"CtxGather", "CtxGatherCB", "CtxScatter", "CtxScatterCB", "GatherND"} & set(found)
    # Of where tokens are written, once for all layers: the keys of a group are not repeated.
    assert found.count("Expand") == 3


def test_a_copy_is_small_beside_the_weights(tmp_path: Path) -> None:
    model = qeff_llama(upstream_llama(vocab_size=40_000, hidden_size=512))
    onnx_path = export_onnx(model, tmp_path / "model.onnx", PLAIN)
    copy = host_graph(onnx_path)
    assert copy is not None
    assert len(copy.model) < onnx_path.with_name("model.onnx.data").stat().st_size / 50


def windowed(_: Any) -> tuple[Any, ExportSpec]:
    return qeff_llama(upstream_llama(sliding_window=5)), PLAIN


def in_float16(_: Any) -> tuple[Any, ExportSpec]:
    return convert(qeff_llama(upstream_llama()), precision("float16")), PLAIN


def sampling(qeff: Any) -> tuple[Any, ExportSpec]:
    return qeff, ExportSpec(CTX_LEN, sampler=SamplerSpec(max_top_k_ids=20))


def with_functions(_: Any) -> tuple[Any, ExportSpec]:
    return tiny_generated("llama"), ExportSpec(CTX_LEN, use_onnx_subfunctions=True)


def with_alibi(_: Any) -> tuple[Any, ExportSpec]:
    return tiny_generated("bloom"), PLAIN


def with_states(_: Any) -> tuple[Any, ExportSpec]:
    return tiny_generated("qwen3_next"), PLAIN


def with_latent_attention(_: Any) -> tuple[Any, ExportSpec]:
    return tiny_generated("deepseek_v3"), PLAIN


def with_attention_sinks(_: Any) -> tuple[Any, ExportSpec]:
    return tiny_generated("gpt_oss"), ExportSpec(CTX_LEN, full_caches=True)


@pytest.mark.parametrize(
    "exporting",
    [
        windowed,
        in_float16,
        sampling,
        with_functions,
        with_alibi,
        with_states,
        with_latent_attention,
        with_attention_sinks,
    ],
)
def test_graphs_that_run_as_they_are(
    qeff: Any, tmp_path: Path, exporting: Callable[[Any], tuple[Any, ExportSpec]]
) -> None:
    model, spec = exporting(qeff)
    onnx_path = export_onnx(model, tmp_path / "model.onnx", spec)
    assert host_graph(onnx_path) is None
    assert isinstance(open_decoder(onnx_path, 1, CTX_LEN), OrtDecoderSession)


def test_a_window_that_keeps_the_whole_context_has_a_copy(tmp_path: Path) -> None:
    model = qeff_llama(upstream_llama(sliding_window=5))
    onnx_path = export_onnx(model, tmp_path / "model.onnx", ExportSpec(CTX_LEN, full_caches=True))
    prompts = random_prompts(3, 14)
    found, expected = (
        generate(decoder.run, prompts, prefill_seq_len=8, ctx_len=CTX_LEN)
        for decoder in (opened(onnx_path, 2), OrtDecoderSession(onnx_path, 2, CTX_LEN))
    )
    assert found.tokens == expected.tokens
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=2e-5)


def opened(onnx_path: Path, rows: int) -> HostDecoderSession:
    decoder = open_decoder(onnx_path, rows, CTX_LEN)
    assert isinstance(decoder, HostDecoderSession)
    return decoder


def of_layer(model: onnx.ModelProto, op_type: str, number: int = 0) -> onnx.NodeProto:
    return [node for node in model.graph.node if node.op_type == op_type][number]


def a_mask_that_shows_what_comes_later(model: onnx.ModelProto) -> None:
    first = next(node for node in model.graph.node if node.op_type == "Greater")
    first.op_type = "Less"


def a_mask_that_shows_the_next_slot(model: onnx.ModelProto) -> None:
    first = next(node for node in model.graph.node if node.op_type == "Greater")
    later = onnx.helper.make_node("Add", [first.input[1], "one"], ["next_positions"])
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1), "one"))
    model.graph.node.insert(list(model.graph.node).index(first), later)
    first.input[1] = "next_positions"


def another_reader_of_the_cache(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Identity", ["past_key.1"], ["seen"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("seen", onnx.TensorProto.FLOAT, None))


def weights_along_another_axis(model: onnx.ModelProto) -> None:
    of_layer(model, "Softmax").attribute[0].i = 2


@pytest.mark.parametrize(
    "change",
    [
        a_mask_that_shows_what_comes_later,
        a_mask_that_shows_the_next_slot,
        another_reader_of_the_cache,
        weights_along_another_axis,
    ],
)
def test_what_only_looks_like_attention_to_the_past_has_no_copy(
    exported: Exported, tmp_path: Path, change: Callable[[onnx.ModelProto], None]
) -> None:
    model = onnx.load(exported(PLAIN))
    change(model)
    onnx.save(model, tmp_path / "model.onnx")
    assert host_graph(tmp_path / "model.onnx") is None


def test_rotation_by_a_table_with_two_halves_stays(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported(PLAIN))
    for table in model.graph.initializer:
        if "cached" in table.name:
            rows = onnx.numpy_helper.to_array(table).copy()
            rows[:, -1] += 1
            table.CopyFrom(onnx.numpy_helper.from_array(rows, table.name))
    onnx.save(model, tmp_path / "model.onnx")
    copy = host_graph(tmp_path / "model.onnx")
    assert copy is not None and "RotaryEmbedding" not in operators(copy.model)
    token, position = np.array([[7]]), np.array([[9]])
    found = HostDecoderSession(copy, tmp_path, 1, CTX_LEN).run(token, position)
    expected = OrtDecoderSession(tmp_path / "model.onnx", 1, CTX_LEN).run(token, position)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_a_copy_that_onnxruntime_does_not_take_costs_nothing_but_time(
    qeff: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx_path = export_onnx(qeff, tmp_path / "model.onnx", ExportSpec(CTX_LEN))
    copy = host_graph(onnx_path)
    assert copy is not None
    monkeypatch.setattr(host_session, "host_graph", lambda _: replace(copy, model=b"no graph"))
    assert isinstance(open_decoder(onnx_path, 1, CTX_LEN), OrtDecoderSession)
