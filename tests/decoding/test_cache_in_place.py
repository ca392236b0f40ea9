"""When a graph may write its KV cache in place, and that it then does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from qeff_codegen.decoding import session
from qeff_codegen.decoding.cache_in_place import written_in_place
from qeff_codegen.decoding.generation import generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.toy_llama import CTX_LEN, random_prompts

PLAIN = ExportSpec(CTX_LEN)
CONTINUOUS = ExportSpec(CTX_LEN, continuous_batching=True)
CACHE = [f"past_{part}.{layer}" for layer in (0, 1) for part in ("key", "value")]


@pytest.mark.parametrize("spec", [PLAIN, CONTINUOUS])
def test_exported_graphs_may(exported: Callable[[ExportSpec], Path], spec: ExportSpec) -> None:
    assert written_in_place(exported(spec), CACHE) == CACHE


@pytest.mark.parametrize("operator", ["Identity", "CtxScatter"])
def test_not_where_something_else_reads_the_cache(
    exported: Callable[[ExportSpec], Path], tmp_path: Path, operator: str
) -> None:
    model = onnx.load(exported(PLAIN))
    model.graph.node.append(onnx.helper.make_node(operator, ["past_key.1"], ["seen"]))
    onnx.save(model, tmp_path / "model.onnx")
    others = [name for name in CACHE if name != "past_key.1"]
    assert written_in_place(tmp_path / "model.onnx", CACHE) == others


def test_same_answers_in_place_and_not(
    exported: Callable[[ExportSpec], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(decoder: OrtDecoderSession) -> np.ndarray:
        return generate(decoder.run, random_prompts(5, 9), prefill_seq_len=4, ctx_len=CTX_LEN).logits

    in_place = OrtDecoderSession(exported(PLAIN), 2, CTX_LEN)
    cache = [value.data_ptr() for value in in_place._cache.values()]
    first = answers(in_place)
    assert cache == [value.data_ptr() for value in in_place._cache.values()]
    in_place.reset()
    np.testing.assert_array_equal(answers(in_place), first)
    monkeypatch.setattr(session, "written_in_place", lambda *_: [])
    np.testing.assert_array_equal(answers(OrtDecoderSession(exported(PLAIN), 2, CTX_LEN)), first)
