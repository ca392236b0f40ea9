"""Hybrids with states: a decoded token and a prefilled prompt against Hugging Face's own.

Both compute the same numbers from the same weights in one process, in turns and on one thread each. Hugging Face's
side is its model as it comes: a prompt in one call, for whose last token alone it makes logits, then cached steps.
What counts is the thread's own time, in which others on the machine have no part.
"""

from __future__ import annotations

import copy
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime as ort
import torch
from transformers import DynamicCache

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.tiny_models.release_differences import cache_argument
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream
from tests.benchmarks.timing import ROOT, BenchmarkError, Measurement, Size

DECODE_GOAL, PREFILL_GOAL, CONTINUOUS_GOAL = 0.8, 1.2, 1.15
ROWS = 4
# Shares of the logits' deviation; sums over 512 tokens are made in another order.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Kind:
    """A family that stands for a kind of state, and how large its model is.

    Attributes:
        name: of the kind, for the report.
        sizes: what the configuration class is called with for the full size.
        smallest: what differs at the smallest one.
    """

    name: str
    family: str
    sizes: dict[str, Any]
    smallest: dict[str, Any]


COMMON: dict[str, Any] = {
    "hidden_size": 512,
    "intermediate_size": 1536,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 4096,
    "max_position_embeddings": 1024,
}
SMALLEST: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "vocab_size": 128}
KINDS = (
    Kind(
        "gated delta rule",
        "qwen3_5_text",
        {
            "head_dim": 64,
            "linear_num_key_heads": 4,
            "linear_num_value_heads": 8,
            "linear_key_head_dim": 64,
            "linear_value_head_dim": 64,
        },
        {"head_dim": 8, "linear_key_head_dim": 16, "linear_value_head_dim": 16},
    ),
    Kind(
        "Mamba-2",
        "bamba",
        {"attn_layer_indices": [3, 7, 11], "mamba_n_heads": 16, "mamba_d_head": 64, "mamba_d_state": 128},
        {"attn_layer_indices": [3], "mamba_d_head": 8, "mamba_d_state": 16},
    ),
    Kind(
        "short convolution",
        "lfm2",
        {"layer_types": ["conv", "conv", "full_attention"] * 4, "block_auto_adjust_ff_dim": False},
        {"layer_types": ["conv", "conv", "full_attention", "conv"]},
    ),
)


def measure(size: Size) -> Iterator[Measurement]:
    """Each kind of state in turn."""
    quiet_upstream()
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder, one_thread():
            yield from _of_kind(kind, size, Path(folder))


def _of_kind(kind: Kind, size: Size, folder: Path) -> Iterator[Measurement]:
    family = find_family(kind.family)
    config = family.config_class(**COMMON | kind.sizes | size.of({}, SMALLEST | kind.smallest))
    upstream = build_tiny_model(family.causal_lm_class, config, seed=0)
    prompt, steps, rounds = size.of(512, 24), size.of(16, 2), size.of(4, 1)
    ctx_len = prompt + steps
    graphs = exported(kind.family, upstream, ctx_len, folder)

    tokens = np.random.default_rng(0).integers(0, config.vocab_size, (1, ctx_len))
    ours = Ours(graphs[False], tokens, rows=1, ctx_len=ctx_len, continuous=False)
    theirs = _Theirs(upstream, torch.from_numpy(tokens))
    for mine, other, what in in_turns(ours, theirs, prompt, steps, rounds):
        goal = DECODE_GOAL if what == "decode a token" else PREFILL_GOAL
        yield Measurement(f"{kind.name}: {what}", mine, f"transformers' {kind.family}", other, goal)
    check_the_same(ours.logits, theirs.logits)

    tokens = np.random.default_rng(1).integers(0, config.vocab_size, (ROWS, ctx_len))
    plain, continuous = (
        Ours(graphs[each], tokens, rows=ROWS, ctx_len=ctx_len, continuous=each) for each in (False, True)
    )
    for mine, other, what in in_turns(continuous, plain, prompt // ROWS, steps, rounds):
        called = f"{kind.name}: {what}, {ROWS} rows, continuous batching"
        yield Measurement(called, mine, "the plain graph", other, CONTINUOUS_GOAL)
    check_the_same(continuous.logits, plain.logits)


class Ours:
    """An exported graph on ONNX Runtime, on one thread."""

    def __init__(self, graph: Path, tokens: np.ndarray, *, rows: int, ctx_len: int, continuous: bool) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        with mock.patch.object(ort, "InferenceSession", partial(ort.InferenceSession, sess_options=options)):
            self._session = OrtDecoderSession(graph, rows, ctx_len)
        self._tokens = tokens
        self._rows = {"batch_index": np.arange(rows)[:, None]} if continuous else {}
        self.logits = np.zeros(0)

    def begin(self) -> None:
        self._session.reset()

    def cache_mib(self) -> float:
        """What is kept between calls, in MiB."""
        return sum(array.nbytes for array in self._session.cache().values()) / 2**20

    def run(self, start: int, end: int) -> None:
        positions = np.tile(np.arange(start, end), (len(self._tokens), 1))
        self.logits = self._session.run(self._tokens[:, start:end], positions, **self._rows)


class _Theirs:
    """Hugging Face's model with its own cache."""

    def __init__(self, model: Any, tokens: torch.Tensor) -> None:
        self._model = model
        self._tokens = tokens
        self.logits = np.zeros(0)

    def begin(self) -> None:
        self._cache = {cache_argument(self._model): DynamicCache(config=self._model.config)}

    def run(self, start: int, end: int) -> None:
        with torch.inference_mode():
            output = self._model(
                input_ids=self._tokens[:, start:end],
                position_ids=torch.arange(start, end)[None],
                use_cache=True,
                logits_to_keep=1,
                **self._cache,
            )
        self.logits = output.logits.numpy()


def in_turns(
    one: Ours, other: Ours | _Theirs, prompt: int, steps: int, rounds: int
) -> Iterator[tuple[float, float, str]]:
    """The shortest times of a step after a prefill, and of the prefill, each of one side before it of the other."""
    prefills: list[tuple[float, ...]] = []
    decoded: list[tuple[float, ...]] = []
    for warm in range(rounds + 1):
        for side in (one, other):
            side.begin()
        times = tuple(_seconds(side, 0, prompt) for side in (one, other))
        turns = [tuple(_seconds(side, at, at + 1) for side in (one, other)) for at in range(prompt, prompt + steps)]
        if warm:
            prefills.append(times)
            decoded += turns
    for found, what in ((decoded, "decode a token"), (prefills, f"prefill {prompt} tokens")):
        mine, theirs = (min(times) for times in zip(*found, strict=True))
        yield mine, theirs, what


def _seconds(side: Ours | _Theirs, start: int, end: int) -> float:
    before = time.thread_time()
    side.run(start, end)
    return time.thread_time() - before


def exported(name: str, upstream: Any, ctx_len: int, folder: Path) -> dict[bool, Path]:
    """The graph for plain batches and the one for continuous batching, by whether it is that."""
    model = copy.deepcopy(upstream)
    model.set_attn_implementation("eager")
    ours = load_transforms(name, ROOT / "generated").apply(model)
    graphs = {False: folder / "plain.onnx", True: folder / "continuous.onnx"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for continuous, path in graphs.items():
            export_onnx(ours, path, ExportSpec(ctx_len=ctx_len, continuous_batching=continuous))
    return graphs


def check_the_same(one: np.ndarray, other: np.ndarray) -> None:
    """Two that give other logits are not compared."""
    if not np.abs(one - other).max() <= TOLERANCE * other.std():
        raise BenchmarkError("the sides gave other logits, so their speeds say nothing")
