"""The toy Llama as a candidate, and the means to break its graph in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.specializations import specializations
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.preflight.candidate import Candidate, candidate_of
from qeff_codegen.preflight.run import preflight
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, random_prompts, upstream_llama

PROMPTS = tuple(map(tuple, random_prompts(12, 7)))

Edit = Callable[[onnx.ModelProto], None]
Edited = Callable[[Edit], Candidate]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


def toy_candidate(folder: Path, spec: ExportSpec, options: CompileOptions, **settings: object) -> Candidate:
    """The toy Llama's graph, exported into `folder`."""
    model = qeff_llama(upstream_llama(**settings))
    path = export_onnx(model, folder / "model.onnx", spec)
    return candidate_of(model, path, spec, tuple(specializations(options)), PROMPTS)


@pytest.fixture(scope="session")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    return toy_candidate(
        tmp_path_factory.mktemp("plain"), ExportSpec(CTX_LEN), CompileOptions(8, CTX_LEN, batch_size=2)
    )


@pytest.fixture
def edited(candidate: Candidate, tmp_path: Path) -> Edited:
    """The candidate with an edit to its graph."""

    def apply(edit: Edit) -> Candidate:
        return edited_candidate(candidate, edit, tmp_path)

    return apply


def edited_candidate(candidate: Candidate, edit: Edit, folder: Path) -> Candidate:
    """`candidate` with another graph, written to `folder`."""
    model = onnx.load(candidate.onnx_path)
    edit(model)
    onnx.save(model, folder / "edited.onnx")
    return replace(candidate, onnx_path=folder / "edited.onnx")


def problems(candidate: Candidate) -> dict[str, str]:
    """What each check that fails says."""
    return {
        result.check: "\n".join(finding.what for finding in result.problems)
        for result in preflight(candidate).results
        if result.problems
    }


def before_logits(*lines: str) -> Edit:
    """An edit that computes the logits from what they were, called `raw`, by nodes in ONNX's text form."""

    def edit(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.output[:] = ["raw" if name == "logits" else name for name in node.output]
        text = "\n".join(lines)
        parsed = onnx.parser.parse_graph(f"added (float[a, b, c] raw) => (float[d, e, f] logits) {{ {text} }}")
        for index, node in enumerate(parsed.node):
            node.name = f"/decoder/lm_head/{node.op_type}_added_{index}"
        model.graph.node.extend(parsed.node)

    return edit
