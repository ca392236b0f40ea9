"""A graph's weights: the model's own, by its names, each once, and in a file of their own where they are large."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from qeff_codegen.decoding.generation import generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.export import graph_file
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.graph_weights import weights_replaced
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, random_prompts, upstream_llama

PLAIN = ExportSpec(CTX_LEN)


def initializers(path: Path) -> dict[str, np.ndarray]:
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def test_weights_are_the_models_own_by_its_names(qeff: Any, exported: Callable[[ExportSpec], Path]) -> None:
    tensors = initializers(exported(PLAIN))
    state = {name: tensor.numpy() for name, tensor in qeff.state_dict().items()}
    tables = {"model.rotary_emb.cos_cached", "model.rotary_emb.sin_cached"}
    assert set(tensors) == set(state) | tables
    for name, weight in state.items():
        # What a projection multiplies by is its weight transposed.
        is_projection = weight.ndim == 2 and "embed" not in name
        assert np.array_equal(tensors[name], weight.T if is_projection else weight), name


def test_weight_of_embedding_and_head_is_stored_once(tmp_path: Path) -> None:
    model = qeff_llama(upstream_llama(tie_word_embeddings=True))
    path = export_onnx(model, tmp_path / "model.onnx", PLAIN)
    tensors = initializers(path)
    assert "lm_head.weight" not in tensors
    assert sum(tensor.size for tensor in tensors.values()) == sum(
        tensor.numel()
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
        if "inv_freq" not in name
    )
    readers = [node.op_type for node in onnx.load(path).graph.node if "model.embed_tokens.weight" in node.input]
    assert sorted(readers) == ["Gather", "Transpose"]


def test_buffers_of_the_same_values_are_one(tmp_path: Path) -> None:
    model: Any = qeff_llama(upstream_llama())
    model.model.rotary_emb.sin_cached = model.model.rotary_emb.cos_cached.clone()
    tensors = initializers(export_onnx(model, tmp_path / "model.onnx", PLAIN))
    assert [name for name in tensors if "cached" in name] == ["model.rotary_emb.cos_cached"]


@pytest.fixture
def weights_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_file, "MAX_EMBEDDED_BYTES", 1000)


@pytest.mark.usefixtures("weights_apart")
def test_large_weights_stand_beside_the_graph(
    qeff: Any, exported: Callable[[ExportSpec], Path], tmp_path: Path
) -> None:
    path = export_onnx(qeff, tmp_path / "apart.onnx", PLAIN)
    assert {entry.name for entry in tmp_path.iterdir()} == {"apart.onnx", "apart.onnx.data"}
    weights = sum(tensor.nbytes for tensor in initializers(path).values())
    assert path.stat().st_size + weights == pytest.approx(exported(PLAIN).stat().st_size, rel=0.02)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for entry in tmp_path.glob("apart.*"):
        entry.rename(moved / entry.name)
    apart, together = (
        generate(OrtDecoderSession(graph, 2, CTX_LEN).run, random_prompts(5, 9), prefill_seq_len=4, ctx_len=CTX_LEN)
        for graph in (moved / "apart.onnx", exported(PLAIN))
    )
    assert apart.tokens == together.tokens
    np.testing.assert_array_equal(apart.logits, together.logits)


def test_small_graph_after_a_large_one_leaves_no_weights_behind(
    qeff: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(graph_file, "MAX_EMBEDDED_BYTES", 1000)
        export_onnx(qeff, tmp_path / "model.onnx", PLAIN)
    assert len(list(tmp_path.iterdir())) == 2
    OrtDecoderSession(export_onnx(qeff, tmp_path / "model.onnx", PLAIN), 1, CTX_LEN)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_exporter_is_given_no_weights(qeff: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def watched(export: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = export(*args, **kwargs)
            sizes.append(Path(args[2]).stat().st_size)
            return result

        return call

    monkeypatch.setattr(torch.onnx, "export", watched(torch.onnx.export))
    export_onnx(qeff, tmp_path / "model.onnx", PLAIN)
    assert sizes[0] < sum(parameter.nbytes for parameter in qeff.parameters()) / 2


def test_replaced_weights_come_back_after_an_error(qeff: Any) -> None:
    before = dict(qeff.named_parameters())
    others = [torch.zeros(1) for _ in (*qeff.parameters(), *qeff.buffers())]
    with pytest.raises(RuntimeError, match="in between"), weights_replaced(qeff, others):
        assert qeff.lm_head.weight is others[list(before).index("lm_head.weight")]
        raise RuntimeError("in between")
    assert all(parameter is before[name] for name, parameter in qeff.named_parameters())
