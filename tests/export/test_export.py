"""The exported graph against the contract: names, order, types, dynamic axes, custom operators, size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qeff_codegen.decoding.generation import generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, random_prompts, upstream_llama

INT64, FLOAT = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
PLAIN = ExportSpec(CTX_LEN)
EVERYTHING = ExportSpec(CTX_LEN, continuous_batching=True, compute_context_length=True)


def described(values: Any) -> list[tuple[str, int, list[str | int]]]:
    """Returns name, element type and axes (by name where dynamic) of graph inputs or outputs."""
    return [
        (
            value.name,
            value.type.tensor_type.elem_type,
            [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim],
        )
        for value in values
    ]


def kv(suffix: str, rows: str) -> list[tuple[str, int, list[str | int]]]:
    return [
        (f"past_{part}.{layer}{suffix}", FLOAT, [rows, 2, "ctx_len", 16])
        for layer in (0, 1)
        for part in ("key", "value")
    ]


def test_inputs_and_outputs(exported: Callable[[ExportSpec], Path]) -> None:
    graph = onnx.load(exported(PLAIN)).graph
    tokens: list[str | int] = ["batch_size", "seq_len"]
    assert described(graph.input) == [
        ("input_ids", INT64, tokens),
        ("position_ids", INT64, tokens),
        *kv("", "batch_size"),
    ]
    assert described(graph.output) == [
        ("logits", FLOAT, ["batch_size", 1, 101]),
        *kv("_RetainedState", "batch_size"),
    ]


def test_inputs_and_outputs_with_everything_asked_for(exported: Callable[[ExportSpec], Path]) -> None:
    graph = onnx.load(exported(EVERYTHING)).graph
    assert described(graph.input)[2:] == [
        *kv("", "full_batch_size"),
        ("batch_index", INT64, ["batch_size", 1]),
        ("comp_ctx_lengths", INT64, ["comp_ctx_lengths"]),
    ]
    assert described(graph.output)[1:] == kv("_RetainedState", "full_batch_size")


@pytest.mark.parametrize(("spec", "suffix"), [(PLAIN, ""), (EVERYTHING, "CB")], ids=["plain", "everything"])
def test_custom_operators_travel_with_the_model(
    exported: Callable[[ExportSpec], Path], spec: ExportSpec, suffix: str
) -> None:
    model = onnx.load(exported(spec))
    used = [(node.domain, node.op_type) for node in model.graph.node if node.domain]
    expected = {
        ("com.qualcomm.cloud", f"CtxScatter{suffix}"): 4,
        ("com.qualcomm.cloud", f"CtxGather{suffix}"): 4,
        ("com.qti.aisw.onnx", "CustomRMSNorm"): 5,
    }
    assert {operator: used.count(operator) for operator in set(used)} == expected
    inputs = {node.op_type: len(node.input) for node in model.graph.node if node.domain}
    assert inputs == {f"CtxScatter{suffix}": 3 + len(suffix) // 2, f"CtxGather{suffix}": 3 + len(suffix) // 2} | {
        "CustomRMSNorm": 2
    }
    assert {(function.domain, function.name) for function in model.functions} == set(expected)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    assert opsets == {"": 17, "com.qualcomm.cloud": 1, "com.qti.aisw.onnx": 1}


def test_rotary_tables_are_two_initializers_and_weights_keep_their_names(
    exported: Callable[[ExportSpec], Path],
) -> None:
    graph = onnx.load(exported(PLAIN)).graph
    tables = [tensor for tensor in graph.initializer if list(tensor.dims) == [64, 16]]
    assert sorted(table.name for table in tables) == ["model.rotary_emb.cos_cached", "model.rotary_emb.sin_cached"]
    assert "model.layers.1.post_attention_layernorm.weight" in {tensor.name for tensor in graph.initializer}
    constants = [node for node in graph.node if node.op_type == "Constant"]
    assert all(onnx.numpy_helper.to_array(node.attribute[0].t).nbytes < 100 for node in constants)


def test_slots_beyond_the_largest_position_reach_the_gathers_as_int32_max(
    exported: Callable[[ExportSpec], Path],
) -> None:
    graph = onnx.load(exported(PLAIN)).graph
    makers = {name: node for node in graph.node for name in node.output}
    (slots,) = {node.input[1] for node in graph.node if node.op_type == "CtxGather"}
    assert makers[slots].op_type == "Where"
    invalid = onnx.numpy_helper.to_array(makers[makers[slots].input[1]].attribute[0].t)
    assert invalid == 2**31 - 1


def test_norms_leave_the_residual_stream_alone(exported: Callable[[ExportSpec], Path]) -> None:
    nodes = onnx.load(exported(PLAIN)).graph.node
    normalised = {node.input[0] for node in nodes if node.op_type == "CustomRMSNorm"}
    users = {node.op_type for node in nodes for name in node.input if name in normalised}
    assert users == {"CustomRMSNorm", "Add"}


def test_graph_is_small(exported: Callable[[ExportSpec], Path]) -> None:
    assert len(onnx.load(exported(PLAIN)).graph.node) <= 185


def test_exporting_leaves_the_model_as_it_was(qeff: Any, exported: Callable[[ExportSpec], Path]) -> None:
    exported(PLAIN)
    assert not any("cached" in name for name in qeff.state_dict())
    assert not any(module.training for module in qeff.modules())


def test_file_may_be_read_by_whom_the_umask_lets(exported: Callable[[ExportSpec], Path], tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    assert exported(PLAIN).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_half_precision(tmp_path: Path) -> None:
    model = qeff_llama(upstream_llama()).half()
    path = export_onnx(model, tmp_path / "half.onnx", PLAIN)
    graph = onnx.load(path).graph
    assert {value.type.tensor_type.elem_type for value in graph.input[2:]} == {onnx.TensorProto.FLOAT16}
    assert [value.type.tensor_type.elem_type for value in graph.output[:2]] == [FLOAT, onnx.TensorProto.FLOAT16]
    prompts = random_prompts(5, 9)
    in_torch, in_onnxruntime = (
        generate(decoder.run, prompts, prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=6)
        for decoder in (TorchDecoder(model, 2, CTX_LEN), OrtDecoderSession(path, 2, CTX_LEN))
    )
    assert in_torch.tokens == in_onnxruntime.tokens
    # Half precision has 11 bits: two thousandths of a logit of 4 or so, in each of several sums.
    np.testing.assert_allclose(in_torch.logits, in_onnxruntime.logits, rtol=0, atol=2e-2)


def test_context_beyond_the_models_positions_is_refused(qeff: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ctx_len is 65"):
        export_onnx(qeff, tmp_path / "model.onnx", ExportSpec(65))
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_made(qeff: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*model.onnx: .*Choose a folder you may write to"):
        export_onnx(qeff, tmp_path / "file" / "model.onnx", PLAIN)


def test_path_of_a_folder(qeff: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*: it is a folder"):
        export_onnx(qeff, tmp_path, PLAIN)


def test_failed_export_keeps_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = qeff_llama(upstream_llama())
    path = tmp_path / "model.onnx"
    path.write_text("the old one")
    (tmp_path / "model.onnx.data").write_text("its weights")

    def broken(**_: Any) -> None:
        raise RuntimeError("broken forward")

    monkeypatch.setattr(model, "forward", broken)
    with pytest.raises(RuntimeError, match="broken forward"):
        export_onnx(model, path, PLAIN)
    assert {entry.name for entry in tmp_path.iterdir()} == {"model.onnx", "model.onnx.data"}
    assert path.read_text() == "the old one"


def test_use_cache_switched_off_in_the_configuration(tmp_path: Path) -> None:
    model = qeff_llama(upstream_llama(use_cache=False))
    graph = onnx.load(export_onnx(model, tmp_path / "model.onnx", PLAIN)).graph
    assert len(graph.output) == 5


def test_graph_is_the_same_for_every_context_length(exported: Callable[[ExportSpec], Path]) -> None:
    assert exported(ExportSpec(5)).read_bytes() == exported(ExportSpec(64)).read_bytes()
