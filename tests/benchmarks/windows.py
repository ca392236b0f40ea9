"""A long context of a decoder like Gemma 3: caches of windows against caches of the whole context.

Both are graphs of the same model on ONNX Runtime, in one process, in turns and on one thread each, and the thread's
own time is what counts, as for `hybrids`.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream
from tests.benchmarks.hybrids import Ours, check_the_same, in_turns
from tests.benchmarks.timing import ROOT, Measurement, Size

MEMORY_GOAL, DECODE_GOAL = 0.25, 0.6
CTX_LEN, SMALLEST_CTX_LEN = 16384, 96
WINDOW, SMALLEST_WINDOW = 512, 8
LAYERS, SMALLEST_LAYERS = 12, 6
SIZES: dict[str, Any] = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "vocab_size": 4096,
}
SMALLEST: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 8, "vocab_size": 128}


def measure(size: Size) -> Iterator[Measurement]:
    """The memory of both caches, and the time of a decoded token."""
    quiet_upstream()
    with tempfile.TemporaryDirectory() as folder, one_thread():
        yield from _measured(size, Path(folder))


def _measured(size: Size, folder: Path) -> Iterator[Measurement]:
    family = find_family("gemma3_text")
    ctx_len, window, layers = (
        size.of(CTX_LEN, SMALLEST_CTX_LEN),
        size.of(WINDOW, SMALLEST_WINDOW),
        size.of(LAYERS, SMALLEST_LAYERS),
    )
    config = family.config_class(
        **SIZES | size.of({}, SMALLEST),
        max_position_embeddings=ctx_len,
        num_hidden_layers=layers,
        sliding_window=window,
        layer_types=(["sliding_attention"] * 5 + ["full_attention"]) * (layers // 6),
    )
    upstream = build_tiny_model(family.causal_lm_class, config, seed=0)
    graphs = _exported(upstream, ctx_len, folder)
    # More than the window, so that its slots have wrapped.
    prompt, steps, rounds = window + window // 4, size.of(16, 2), size.of(2, 1)
    tokens = np.random.default_rng(0).integers(0, config.vocab_size, (1, prompt + steps))
    windows, whole = (Ours(graphs[full], tokens, rows=1, ctx_len=ctx_len, continuous=False) for full in (False, True))
    what = f"{layers} layers, window {window}, {ctx_len} slots"
    yield Measurement(
        f"{what}: memory of the cache",
        windows.cache_mib(),
        "the whole context in every layer",
        whole.cache_mib(),
        MEMORY_GOAL,
        "MiB",
    )
    for mine, other, which in in_turns(windows, whole, prompt, steps, rounds):
        if which == "decode a token":
            yield Measurement(f"{what}: {which}", mine, "the whole context in every layer", other, DECODE_GOAL)
    check_the_same(windows.logits, whole.logits)


def _exported(upstream: Any, ctx_len: int, folder: Path) -> dict[bool, Path]:
    """The graphs, by whether all layers keep the whole context."""
    model = copy.deepcopy(upstream)
    model.set_attn_implementation("eager")
    ours = load_transforms("gemma3_text", ROOT / "generated").apply(model)
    graphs = {False: folder / "windows.onnx", True: folder / "whole.onnx"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for full, path in graphs.items():
            export_onnx(ours, path, ExportSpec(ctx_len=ctx_len, full_caches=full))
    return graphs
