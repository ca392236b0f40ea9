"""Graphs whose layers keep states: the checks know their axes and types."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kv_cache import kv_cache_shapes
from qeff_codegen.preflight import interface
from qeff_codegen.preflight.candidate import Candidate, candidate_of
from qeff_codegen.preflight.run import preflight
from tests.runtime.toy_hybrid import toy_hybrid

CTX_LEN = 24


def candidate(kinds: str, folder: Path, rows: int | None = None) -> Candidate:
    model = toy_hybrid(kinds)
    spec = ExportSpec(CTX_LEN, continuous_batching=rows is not None)
    path = export_onnx(model, folder / "model.onnx", spec)
    programs = specializations_for(kv_cache_shapes(model), CompileOptions(8, CTX_LEN, full_batch_size=rows))
    return candidate_of(model, path, spec, tuple(programs), (tuple(range(20)),))


@pytest.mark.parametrize("rows", [None, 3])
@pytest.mark.parametrize("kinds", ["ca-r", "rc"])
def test_a_graph_with_states_passes(kinds: str, rows: int | None, tmp_path: Path) -> None:
    found = preflight(candidate(kinds, tmp_path, rows))
    assert found.passed, str(found)


@pytest.mark.parametrize(
    ("axis", "dtype", "named"),
    [
        (2, None, r"recurrent_state.0 has the shape .*; its layer keeps \[2, 6, 10\] of each row"),
        (None, onnx.TensorProto.FLOAT16, "recurrent_state.0 is FLOAT16 .*; both should be the same, float32\\."),
    ],
)
def test_a_state_of_another_size_or_type(axis: int | None, dtype: int | None, named: str, tmp_path: Path) -> None:
    right = candidate("r", tmp_path)
    model = onnx.load(right.onnx_path)
    for value in (*model.graph.input, *model.graph.output):
        if value.name.startswith("recurrent_state"):
            if axis is not None:
                value.type.tensor_type.shape.dim[axis].dim_value = 7
            if dtype is not None:
                value.type.tensor_type.elem_type = dtype
    onnx.save(model, tmp_path / "wrong.onnx")
    said = "\n".join(map(str, interface.CHECK.findings(replace(right, onnx_path=tmp_path / "wrong.onnx"))))
    assert re.search(named, said), said
