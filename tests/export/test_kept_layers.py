from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from qeff_codegen.export.graph_io import ExportSpec, dynamic_axes, has_context, window_of, windows_of
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.kv_cache import allocate_kv_cache, kv_cache_shapes
from qeff_codegen.runtime.windows import Window, chunk, sliding
from tests.runtime.tiny_generated import tiny_generated

SPEC = ExportSpec(32)
WINDOW = 6


def windows(model: Any, spec: ExportSpec = SPEC) -> list[Window | None]:
    return [window_of(layer) for layer in layers_kept(model, spec)]


@pytest.fixture(scope="module")
def alternating() -> Any:
    return tiny_generated("gemma3_text", "window, sliding+full")


@pytest.fixture(scope="module")
def of_all() -> Any:
    return tiny_generated("mistral", "window")


def test_the_mask_of_a_layer_says_its_window(alternating: Any, of_all: Any) -> None:
    count = alternating.config.num_hidden_layers // 2
    assert windows(alternating) == [sliding(WINDOW), None] * count
    assert windows(of_all) == [sliding(WINDOW)] * of_all.config.num_hidden_layers
    chunked = tiny_generated("llama4_text", "window, full+chunked")
    assert windows(chunked) == [None, chunk(WINDOW)] * (chunked.config.num_hidden_layers // 2)


def test_caches_and_axes_of_windows(alternating: Any) -> None:
    layers = layers_kept(alternating, SPEC)
    cache = allocate_kv_cache(layers, 2, 32, alternating.dtype)
    assert [pair[0].shape[2] for pair in cache[:2]] == [WINDOW, 32]
    assert [pair[0].shape[2] for pair in allocate_kv_cache(layers, 2, 4, alternating.dtype)[:2]] == [4, 4]
    axes = dynamic_axes(ExportSpec(32, continuous_batching=True), layers)
    assert axes["past_key.0"] == axes["past_value.0_RetainedState"] == {0: "full_batch_size", 2: "sliding_window"}
    assert axes["past_key.1"] == {0: "full_batch_size", 2: "ctx_len"}
    assert windows_of(layers) == {"sliding_window": WINDOW} and has_context(layers)


@pytest.mark.parametrize(
    "spec",
    [
        ExportSpec(32, full_caches=True),
        ExportSpec(32, is_tlm=True),
        ExportSpec(32, dynamo=True),
        ExportSpec(WINDOW),
    ],
    ids=["full caches", "drafts", "dynamo", "a context that is no longer"],
)
def test_all_keep_the_whole_context(alternating: Any, spec: ExportSpec) -> None:
    assert layers_kept(alternating, spec) == kv_cache_shapes(alternating)


def test_compute_context_lengths_need_a_layer_that_reads_by_them(alternating: Any, of_all: Any) -> None:
    spec = ExportSpec(32, compute_context_length=True)
    assert sliding(WINDOW) in windows(alternating, spec)
    assert set(windows(of_all, spec)) == {None}
    assert not has_context(layers_kept(of_all, SPEC))


def test_longrope_keeps_the_whole_context() -> None:
    model = tiny_generated("phi3", "window")
    assert set(windows(model)) == {sliding(WINDOW)}
    model.rotary_of_one_kind = nn.Module()
    model.rotary_of_one_kind.rope_type = {"full_attention": "default", "sliding_attention": "longrope"}
    assert set(windows(model)) == {None}
