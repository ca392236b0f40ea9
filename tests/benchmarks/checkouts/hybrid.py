"""A hybrid written by hand and the generated one, on the same weights: `python -m tests.benchmarks.checkouts.hybrid`.

QEFFICIENT_CHECKOUT names a checkout of QEfficient, QEFFICIENT_PYTHON its interpreter. Its text-only classes cannot be
exported, so its side is the program for text of its image-text model, which gets no image. Both graphs run in this
process on ONNX Runtime, on one thread, in turns, by the thread's own time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch

from qeff_codegen.checkout.environment import environment_for
from qeff_codegen.checkout.interpreter import VARIABLE
from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.export.graph_io import retained_state_name
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from qeff_codegen.validation.comparison import compare
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import tiny_subject
from qeff_codegen.validation.unpadded import Unpadded
from tests.benchmarks.checkouts.__main__ import HANDWRITTEN
from tests.benchmarks.hybrids import COMMON, KINDS, exported

# The checkout has this hybrid, and this is its text part.
FAMILY, TEXT = "qwen3_5", "qwen3_5_text"
# One group of layers: three with states, one with attention. Their exporter writes 9,000 nodes for each of the three.
LAYERS = 4
CTX_LEN, PROMPT, STEPS, ROUNDS = 192, 128, 16, 4
_IN_CHECKOUT = Path(__file__).with_name("hybrid_in_checkout.py")
# Another release or class has its own.
_OF_THIS_RELEASE = {"architectures", "dtype", "model_type", "transformers_version"}


class Graph:
    """Either side's exported program, called as a `Decoder`; what is retained is fed back and never cleared.

    Args:
        path: the graph.
        rows: rows of the cache.
        ctx_len: slots of a row.
    """

    def __init__(self, path: Path, rows: int, ctx_len: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs = {node.name: node for node in self._session.get_inputs()}
        self._outputs = [node.name for node in self._session.get_outputs()]
        sizes = {"batch_size": rows, "full_batch_size": rows, "ctx_len": ctx_len}
        # Features of images are there in the other side's graph alone: one, which no token stands for.
        self._kept = {
            name: np.zeros([sizes.get(size, 1) if isinstance(size, str) else size for size in node.shape], np.float32)
            for name, node in self._inputs.items()
            if retained_state_name(name) in self._outputs
        }

    def run(
        self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray | None = None
    ) -> np.ndarray:
        """See `Decoder`."""
        given: dict[str, np.ndarray] = {"input_ids": input_ids, "position_ids": position_ids}
        if batch_index is not None:
            given["batch_index"] = batch_index
        if "image_idx" in self._inputs:
            given["image_idx"] = np.zeros((1, 1), np.int64)
        if len(self._inputs["position_ids"].shape) == 3:
            # The token's slot, and three sections, which are the same in a text without images.
            given["position_ids"] = np.tile(position_ids, (4, 1, 1))
        outputs = dict(zip(self._outputs, self._session.run(self._outputs, given | self._kept), strict=True))
        self._kept = {name: outputs[retained_state_name(name)] for name in self._kept}
        return outputs["logits"]


def nodes_of(path: Path) -> int:
    """How many nodes a graph has, its functions' own not counted."""
    return len(onnx.load(path, load_external_data=False).graph.node)


def outcome(path: Path, scenario: Scenario, reference: Any) -> str:
    """What a graph's tokens and logits are beside those of Hugging Face's model, each prompt alone."""
    decoder: Decoder = Graph(path, scenario.cache_rows, scenario.ctx_len)
    if scenario.full_batch_size is not None:
        # The copy that ONNX Runtime can run writes a pad's keys to slot 0.
        decoder = Unpadded(decoder)
    found = compare(reference, decode_greedily(decoder, scenario))
    return "equal" if found.divergence is None else f"different: {found.divergence}"


def reused_row(path: Path, vocab_size: int) -> float:
    """How far the logits of a prompt in a row that another has left are from those in a fresh one, in deviations."""
    calls = [np.array([random_tokens(9, vocab_size, seed)]) for seed in (1, 2)]
    positions = np.arange(9)[None]
    used, fresh = Graph(path, 1, CTX_LEN), Graph(path, 1, CTX_LEN)
    used.run(calls[0], positions)
    expected = fresh.run(calls[1], positions)
    return float(np.abs(used.run(calls[1], positions) - expected).max() / expected.std())


def times(paths: tuple[Path, Path], vocab_size: int) -> dict[str, tuple[float, float]]:
    """The shortest prefill and step of each graph, in seconds, of one before that of the other."""
    tokens = np.array([random_tokens(CTX_LEN, vocab_size, 3)])
    calls = {"prefill": [(0, PROMPT)], "step": [(at, at + 1) for at in range(PROMPT, PROMPT + STEPS)]}
    found: dict[str, list[tuple[float, ...]]] = {what: [] for what in calls}
    graphs = [Graph(path, 1, CTX_LEN) for path in paths]
    for _ in range(ROUNDS):
        for what, spans in calls.items():
            for start, end in spans:
                given = tokens[:, start:end], np.arange(start, end)[None]
                found[what].append(tuple(_seconds(partial(graph.run, *given)) for graph in graphs))
    return {
        what: (min(mine for mine, _ in pairs), min(theirs for _, theirs in pairs)) for what, pairs in found.items()
    }


def _seconds(call: Callable[[], object]) -> float:
    before = time.thread_time()
    call()
    return time.thread_time() - before


def in_checkout(model: Any, folder: Path) -> dict[str, str]:
    """The checkout's graphs of a text model's weights, by mode, and what exporting it alone ended with.

    Raises:
        RuntimeError: the image-text model cannot be exported; the last line is the checkout's own error.
    """
    folder.mkdir()
    weights = folder / "weights.pt"
    torch.save({"family": FAMILY, "sizes": _given(model.config), "weights": model.state_dict()}, weights)
    checkout, python = os.environ[HANDWRITTEN], os.environ[VARIABLE]
    ran = subprocess.run(
        [python, "-W", "ignore", str(_IN_CHECKOUT), str(weights), str(folder)],
        env=environment_for(Path(checkout).absolute(), folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"exporting in {checkout} failed:\n{ran.stderr[-2000:].strip()}")
    return json.loads(ran.stdout.splitlines()[-1])


def lines(folder: Path) -> Iterator[str]:
    """The report."""
    family = find_family(TEXT)
    base, states, *_ = variants(family)
    tiny = build_tiny_model(family.causal_lm_class, build_config(family, base), seed=0)
    try:
        in_checkout(tiny, folder / "widths")
        yield "values of another width than keys, hand-written: exported"
    except RuntimeError as error:
        yield f"values of another width than keys, hand-written: {str(error).splitlines()[-1]}"
    for variant in (base, states):
        one_width = {"linear_value_head_dim": variant.overrides["linear_key_head_dim"]}
        subject = tiny_subject(family, replace(variant, overrides=variant.overrides | one_width))
        below = folder / variant.kind
        theirs = in_checkout(subject.model, below)
        graphs = exported(TEXT, subject.model, max(each.ctx_len for each in subject.scenarios), below)
        if variant.kind == "base":
            yield f"text model alone, hand-written: {theirs['alone'] or 'exported'}"
            for mode, own in (("plain", graphs[False]), ("continuous", graphs[True])):
                yield f"nodes, tiny, {mode}: generated {nodes_of(own)}, hand-written {nodes_of(Path(theirs[mode]))}"
            size = subject.model.config.vocab_size
            mine, other = reused_row(graphs[False], size), reused_row(Path(theirs["plain"]), size)
            yield f"a row used before, difference in deviations: generated {mine:.2g}, hand-written {other:.2g}"
        for scenario, reference in zip(subject.scenarios, subject.references, strict=True):
            continuous = scenario.full_batch_size is not None
            other_graph = Path(theirs["continuous" if continuous else "plain"])
            yield f"{scenario.name}: generated {outcome(graphs[continuous], scenario, reference)}"
            yield f"{scenario.name}: hand-written {outcome(other_graph, scenario, reference)}"

    larger = COMMON | KINDS[0].sizes | {"num_hidden_layers": LAYERS}
    model = build_tiny_model(family.causal_lm_class, family.config_class(**larger), seed=0)
    theirs = in_checkout(model, folder / "larger")
    graph = exported(TEXT, model, CTX_LEN, folder / "larger")[False]
    yield f"nodes, hidden size 512: generated {nodes_of(graph)}, hand-written {nodes_of(Path(theirs['plain']))}"
    for what, (mine, other) in times((graph, Path(theirs["plain"])), model.config.vocab_size).items():
        yield f"{what}: generated {1000 * mine:.2f} ms, hand-written {1000 * other:.2f} ms, ratio {mine / other:.3f}"


def _given(config: Any) -> dict[str, Any]:
    """A configuration as another release can read it."""
    said = config.to_dict()
    return {name: value for name, value in said.items() if name not in _OF_THIS_RELEASE}


def main() -> None:
    """Print the report."""
    missing = [name for name in (HANDWRITTEN, VARIABLE) if not os.environ.get(name)]
    if missing:
        sys.exit(f"{__doc__}\nNot set: {', '.join(missing)}.")
    quiet_upstream()
    with tempfile.TemporaryDirectory(prefix="qeff_codegen-") as name, one_thread():
        for line in lines(Path(name)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
