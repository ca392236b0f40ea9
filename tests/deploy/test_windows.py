"""What is compiled of a model whose layers keep windows."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner

from qeff_codegen.cli.main import main
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.export.graph_io import KVShape
from qeff_codegen.runtime.windows import chunk, sliding
from tests.runtime.tiny_generated import tiny_upstream

SIZES = ("--prefill-seq-len", "8", "--ctx-len", "32")


def compiled(family: str, variant: str, folder: Path, *options: str) -> tuple[list[dict[str, str]], onnx.ModelProto]:
    """The sizes of each program, and the graph."""
    tiny_upstream(family, variant).save_pretrained(folder / "checkpoint")
    arguments = ["compile", str(folder / "checkpoint"), *SIZES, *options, "--output", str(folder / "programs")]
    result = CliRunner(catch_exceptions=False).invoke(main, arguments)
    assert result.exit_code == 0, result.output
    (sizes,) = (folder / "programs").rglob("specializations.json")
    (graph,) = (folder / "programs").rglob("model.onnx")
    programs = json.loads(sizes.read_text())["specializations"]
    return [item["symbols"] for item in programs], onnx.load(graph)


def slots_of(model: onnx.ModelProto) -> dict[str, str]:
    shapes = {item.name: item.type.tensor_type.shape.dim for item in (*model.graph.input, *model.graph.output)}
    return {name: shape[2].dim_param for name, shape in shapes.items() if name.startswith("past_")}


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize(("options", "rows"), [((), "1"), (("--full-batch-size", "2"), "2")])
def test_windows_beside_the_whole_context(tmp_path: Path, options: tuple[str, ...], rows: str) -> None:
    programs, model = compiled("gemma3_text", "window, sliding+full", tmp_path, *options)
    assert [(item["sliding_window"], item["ctx_len"], item["seq_len"]) for item in programs] == [
        ("6", "32", "8"),
        ("6", "32", "1"),
    ]
    assert programs[1]["batch_size"] == rows
    slots = slots_of(model)
    assert {slots[f"past_{part}.0{end}"] for part in ("key", "value") for end in ("", "_RetainedState")} == {
        "sliding_window"
    }
    assert slots["past_key.1"] == "ctx_len"
    assert [(item.key, item.value) for item in model.metadata_props] == [("sliding_window", "6")]


@pytest.mark.usefixtures("compiler")
def test_windows_alone(tmp_path: Path) -> None:
    programs, model = compiled("mistral", "window", tmp_path)
    assert programs == [
        {"batch_size": "1", "seq_len": "8", "sliding_window": "6"},
        {"batch_size": "1", "seq_len": "1", "sliding_window": "6"},
    ]
    assert set(slots_of(model).values()) == {"sliding_window"}


@pytest.mark.usefixtures("compiler")
def test_full_caches(tmp_path: Path) -> None:
    programs, model = compiled("mistral", "window", tmp_path, "--full-caches")
    assert programs[0] == {"batch_size": "1", "ctx_len": "32", "seq_len": "8"}
    assert set(slots_of(model).values()) == {"ctx_len"} and not model.metadata_props


def test_each_kind_of_window_has_a_number() -> None:
    layers = [(KVShape("past_key", 1, 4, window),) for window in (sliding(6), None, chunk(64))]
    prefill, decode = specializations_for(layers, CompileOptions(8, 32))
    own = {"batch_size": 1, "chunk_ctx_len": 32, "ctx_len": 32, "sliding_window": 6}
    assert prefill.symbols == own | {"seq_len": 8} and decode.symbols == own | {"seq_len": 1}
