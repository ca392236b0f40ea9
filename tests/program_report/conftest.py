"""Graphs that preflight looked at, and the page of one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.deploy import custom_io
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.deploy.steps import LookedAt
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.preflight.candidate import candidate_of
from qeff_codegen.preflight.check import Finding
from qeff_codegen.preflight.run import CheckResult, Preflight, preflight
from qeff_codegen.program_report.page import Report, as_html, graph_of
from tests.runtime.toy_hybrid import toy_hybrid
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, random_prompts, upstream_llama

OPTIONS = CompileOptions(8, CTX_LEN, full_batch_size=4, mxint8_kv_cache=True)


def looked_at(model: object, options: CompileOptions, folder: Path) -> LookedAt:
    """A model's graph, exported into `folder`, as a command has looked at it."""
    spec = ExportSpec(CTX_LEN, continuous_batching=options.continuous_batching)
    path = export_onnx(model, folder / "model.onnx", spec)  # type: ignore[arg-type]
    layers = layers_kept(model, spec)  # type: ignore[arg-type]
    programs = tuple(specializations_for(layers, options))
    candidate = candidate_of(model, path, spec, programs, (tuple(random_prompts(7)[0]),))
    precision = custom_io.MXINT8 if options.mxint8_kv_cache else custom_io.FLOAT16
    return LookedAt("text", candidate, preflight(candidate), precision)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> LookedAt:
    """Two layers, each with 2 heads of 16 for keys, in a program of 4 rows with a compressed cache."""
    return looked_at(qeff_llama(upstream_llama()), OPTIONS, tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> LookedAt:
    """Layers with states beside one with attention, in a program of 2 rows."""
    return looked_at(toy_hybrid(), CompileOptions(8, CTX_LEN, batch_size=2), tmp_path_factory.mktemp("hybrid"))


@pytest.fixture(scope="session")
def page(llama: LookedAt, hybrid: LookedAt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two graphs, one of which fails a check and has a remark."""
    pytest.importorskip("matplotlib", reason="charts need it: pip install -e '.[report]'")
    problem = Finding("A <Softplus> is not known.", "Spell it otherwise.")
    found = [CheckResult("known operators", (problem, Finding("Three weights vanish.", is_problem=False)))]
    results = tuple(result for result in hybrid.found.results if result.check != "known operators")
    other = LookedAt("images", hybrid.candidate, Preflight((*results, *found)), hybrid.cache_precision)
    report = Report(
        command="compile",
        model="tiny <llama>",
        graphs=(graph_of(llama), graph_of(other)),
        seconds={"loading": 1.234, "exporting": 22.0},
        remarks=["8 tokens in 0.5 s."],
        commands=["/opt/qti-aic/exec/qaic-compile -aic-hw " + "-m=/a/very/long/path" * 20],
        outcome=("failed", "preflight failed, known operators"),
        random_weights=True,
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(as_html(report), "utf-8")
    return path
