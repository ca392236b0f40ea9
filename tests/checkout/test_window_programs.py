"""Layers with a window keep in our graphs what they keep in QEfficient's, but for what is listed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.tiny_models.models import build_tiny_model
from tests.checkout.called import called
from tests.checkout.image_families import FAMILIES
from tests.checkout.interface import differences, interface_of, listed_differences
from tests.checkout.qefficient import answer_of, needs_qefficient

ROOT = Path(__file__).resolve().parents[2]
PAGE, HEADING = ROOT / "docs/compiling.md", "Beside QEfficient's windows"
MODES = ["plain", "continuous"]
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
    # A window that QEfficient's example of 32 tokens fits in: with a shorter one it exports nothing.
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
    return {
        family: answer_of("window_programs.py", tmp_path_factory.mktemp(family), settings, CONTEXTS)
        for family, settings in (SETTINGS | {"gemma3": FAMILIES["gemma3"].settings}).items()
    }


def found_in(family: str, mode: str, graph: str, folder: Path) -> dict[str, tuple[str, str]]:
    """Where our graph of the same model differs."""
    spec = ExportSpec(ctx_len=1024, continuous_batching=mode == "continuous")
    ours = export_onnx(model_of(family), folder / "ours.onnx", spec)
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
    rows = "full_batch_size" if mode == "continuous" else "batch_size"
    axes = ["sliding_window", "ctx_len", "sliding_window", "sliding_window"]
    assert slots == {f"past_key.{layer}": f"float [{rows}, 2, {axis}, 16]" for layer, axis in enumerate(axes)}


@needs_qefficient
def test_what_grows_in_the_text_model_of_gemma3_is_listed(theirs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    graph = theirs["gemma3_text"]["graphs"]["plain"]
    assert found_in("gemma3_text", "plain", graph, tmp_path) == listed("gemma3_text")
    assert list(theirs["gemma3_text"]["raised"]) == ["continuous"]
    assert "Expected size 4 but got size 1" in theirs["gemma3_text"]["raised"]["continuous"]


@needs_qefficient
def test_a_chunk_overwrites_what_its_first_tokens_see_in_theirs_alone(
    theirs: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    prompt, chunk = (random.integers(1, 200, size=(1, length)) for length in (16, 8))
    sizes = {"batch_size": 1, "sliding_window": 16, "ctx_len": 64}

    def changed(graph: Path | str) -> list[int]:
        """Whose keys in the second layer are others where the first layer's value of position 5 is another."""
        before = called(graph, sizes, {"input_ids": prompt, "position_ids": np.arange(16)[None]})
        cache = {name.removesuffix("_RetainedState"): value for name, value in before.items()}
        del cache["logits"]
        other = cache["past_value.0"].copy()
        other[:, :, 5] += 1
        call = {"input_ids": chunk, "position_ids": np.arange(16, 24)[None], **cache}
        first, second = (called(graph, sizes, each) for each in (call, call | {"past_value.0": other}))
        keys = "past_key.1_RetainedState"
        return np.nonzero(np.abs(first[keys] - second[keys]).max(axis=(0, 1, 3)) > 1e-6)[0].tolist()

    # In a window of 16 positions, position 5 is seen to position 20.
    assert changed(export_onnx(model_of("gpt_oss"), tmp_path / "ours.onnx", ExportSpec(ctx_len=1024))) == [
        *range(16, 21)
    ]
    assert changed(theirs["gpt_oss"]["graphs"]["plain"]) == []


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
