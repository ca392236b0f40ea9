"""Layers with a window keep in our graphs what they keep in QEfficient's, but for what is listed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.tiny_models.models import build_tiny_model
from tests.checkout.image_families import FAMILIES
from tests.checkout.interface import differences, interface_of, listed_differences
from tests.checkout.qefficient import answer_of, needs_qefficient

ROOT = Path(__file__).resolve().parents[2]
PAGE, HEADING = ROOT / "docs/compiling.md", "Beside QEfficient's windows"
# How each of QEfficient's graphs is to be exported here.
MODES = {
    "plain": ExportSpec(ctx_len=1024),
    "continuous": ExportSpec(ctx_len=1024, continuous_batching=True),
    "plain, whole": ExportSpec(ctx_len=1024, full_caches=True),
    "continuous, whole": ExportSpec(ctx_len=1024, continuous_batching=True, full_caches=True),
}
CONTEXTS = [8, 16, 64, 128, 1024]
NUMBERS = {"vocab": 256}
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": NUMBERS["vocab"],
    "max_position_embeddings": 2048,
}
SETTINGS: dict[str, dict[str, Any]] = {
    # A window that QEfficient's example of 32 tokens fits in.
    "gemma3_text": {
        "model_type": "gemma3_text",
        **TEXT,
        "num_hidden_layers": 2,
        "sliding_window": 64,
        "sliding_window_pattern": 2,
    },
    "gpt_oss": {
        "model_type": "gpt_oss",
        **TEXT,
        "num_hidden_layers": 4,
        "sliding_window": 16,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        # In an order that no pattern has.
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"],
    },
}


@functools.cache
def model_of(family: str) -> Any:
    config = AutoConfig.for_model(**SETTINGS[family])
    model_class: Any = AutoModelForCausalLM._model_mapping[type(config)]
    model = build_tiny_model(model_class, config, seed=0)
    model.set_attn_implementation("eager")
    return load_transforms(family, ROOT / "generated").apply(model).eval()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    asked = SETTINGS | {
        "gemma3_text, shorter": SETTINGS["gemma3_text"] | {"sliding_window": 16},
        "gemma3": FAMILIES["gemma3"].settings,
    }
    return {
        name: answer_of("window_programs.py", tmp_path_factory.mktemp("theirs"), settings, CONTEXTS)
        for name, settings in asked.items()
    }


def found_in(family: str, mode: str, graph: str, folder: Path) -> dict[str, tuple[str, str]]:
    """Where our graph of the same model differs."""
    ours = export_onnx(model_of(family), folder / "ours.onnx", MODES[mode])
    return differences(interface_of(ours), interface_of(graph))


def listed(family: str) -> dict[str, tuple[str, str]]:
    """What the page says of a family's graphs: of every family's, and of this one's."""
    rows = listed_differences(PAGE, HEADING, NUMBERS)
    return {tensor: said for (graph, tensor), said in rows.items() if graph in ("all", family)}


@needs_qefficient
@pytest.mark.parametrize("mode", MODES)
def test_gpt_oss_keeps_the_same(mode: str, theirs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    graph = theirs["gpt_oss"]["graphs"][mode]
    assert found_in("gpt_oss", mode, graph, tmp_path) == listed("gpt_oss")
    slots = {name: said for name, said in interface_of(graph)["inputs"] if name.startswith("past_key")}
    rows = "full_batch_size" if mode.startswith("continuous") else "batch_size"
    window = "ctx_len" if mode.endswith("whole") else "sliding_window"
    axes = [window, "ctx_len", window, window]
    assert slots == {f"past_key.{layer}": f"float [{rows}, 2, {axis}, 16]" for layer, axis in enumerate(axes)}


@needs_qefficient
def test_what_grows_in_the_text_model_of_gemma3_is_listed(theirs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    graph = theirs["gemma3_text"]["graphs"]["plain"]
    assert found_in("gemma3_text", "plain", graph, tmp_path) == listed("gemma3_text")
    raised = theirs["gemma3_text"]["raised"]
    assert list(raised) == [mode for mode in MODES if mode.startswith("continuous")]
    assert all("Expected size 4 but got size 1" in said for said in raised.values())
    assert list(theirs["gemma3_text, shorter"]["raised"]) == list(MODES)


def ours_in(model: Any, ctx_len: int) -> dict[str, set[int]]:
    """How many slots layers have in our graphs for a context, by the name of the axis."""
    found: dict[str, set[int]] = {}
    for layer in layers_kept(model, ExportSpec(ctx_len=ctx_len)):
        for part in layer:
            found.setdefault(part.axes("rows")[2], set()).add(part.sizes(1, ctx_len)[2])
    return found


def test_ours_have_the_window_or_the_whole_of_a_shorter_context() -> None:
    """In every context as many slots as the shorter of both."""
    for ctx_len in (8, 16):
        assert ours_in(model_of("gpt_oss"), ctx_len) == {"ctx_len": {ctx_len}}
    for ctx_len in (17, 1024):
        assert ours_in(model_of("gpt_oss"), ctx_len) == {"sliding_window": {16}, "ctx_len": {ctx_len}}


@needs_qefficient
def test_theirs_have_a_number_that_the_context_does_not_shorten(theirs: dict[str, dict[str, Any]]) -> None:
    # Of Gemma 3 the window of its configuration; of GPT-OSS a number that its configuration does not change.
    assert theirs["gemma3"]["slots"] == {str(ctx_len): 16 for ctx_len in CONTEXTS}
    assert theirs["gpt_oss"]["slots"] == {str(ctx_len): 128 for ctx_len in CONTEXTS}
