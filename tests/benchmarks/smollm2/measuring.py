"""Each side in a process of its own, in turns, so that a busy machine slows them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.environments.layered import layered_python
from tests.benchmarks.smollm2.decoding import Task
from tests.benchmarks.smollm2.weights import save_smallest, saved_checkpoint
from tests.benchmarks.timing import ROOT, BenchmarkError, Measurement, Size, failure

OPTIMUM = "optimum-onnx==0.1.0"  # which needs transformers before 4.58
ROUNDS = 3
TASK, SMALLEST_TASK = Task(ctx_len=512, new_tokens=64), Task(ctx_len=72, new_tokens=4)
OURS = Path(sys.executable)


@dataclass(frozen=True)
class Run:
    """One process: its wall time in seconds, its largest resident size in bytes, and what it printed."""

    seconds: float
    peak: int
    output: str


def measure(size: Size) -> Iterator[Measurement]:
    """Exporting and decoding, ours against the others; at the smallest size a tiny model, and nothing to download."""
    yield from size.of(_against_all, _against_transformers)()


def _against_all() -> Iterator[Measurement]:
    checkpoint = str(saved_checkpoint())
    optimum = layered_python(OPTIMUM.replace("==", "-"), (OPTIMUM,), OPTIMUM.replace("==", " "))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        our_exports, their_exports = [], []
        for number in range(2):
            our_exports.append(run(OURS, "export_ours", checkpoint, str(folder / f"ours-{number}"), str(TASK)))
            their_exports.append(run(optimum, "export_optimum", checkpoint, str(folder / f"optimum-{number}")))
        yield compared("export SmolLM2", fastest(our_exports), "optimum-onnx", fastest(their_exports), "s")
        what = "export SmolLM2, peak memory"
        yield compared(what, lightest(our_exports), "optimum-onnx", lightest(their_exports), "GiB")
        sides = {
            "our graph": (OURS, "decode_ours", str(graph_in(folder / "ours-0")), str(TASK)),
            "transformers' generate": (OURS, "decode_transformers", checkpoint, str(TASK)),
            "optimum-onnx's graph": (optimum, "decode_optimum", str(folder / "optimum-0" / "model.onnx"), str(TASK)),
        }
        yield from _decoding(sides, TASK, ROUNDS)


def _against_transformers() -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Path(name) / "tiny"
        save_smallest(checkpoint)
        exports = Path(name) / "ours"
        run(OURS, "export_ours", str(checkpoint), str(exports), str(SMALLEST_TASK))
        sides = {
            "our graph": (OURS, "decode_ours", str(graph_in(exports)), str(SMALLEST_TASK)),
            "transformers' generate": (OURS, "decode_transformers", str(checkpoint), str(SMALLEST_TASK)),
        }
        yield from _decoding(sides, SMALLEST_TASK, rounds=1)


def _decoding(sides: Mapping[str, tuple[Path, *tuple[str, ...]]], task: Task, rounds: int) -> Iterator[Measurement]:
    """The first side's time of a token against each other side's."""
    turns = [{side: decoded(run(*words)) for side, words in sides.items()} for _ in range(rounds)]
    if len({str(tokens) for turn in turns for _, tokens in turn.values()}) != 1:
        raise BenchmarkError("the sides did not decode the same tokens, so their speeds say nothing")
    ours, *others = sides
    seconds = {side: min(turn[side][0] for turn in turns) for side in sides}
    for other in others:
        yield compared(f"decode a token at ctx_len {task.ctx_len}", seconds[ours], other, seconds[other], "s")


def graph_in(folder: Path) -> Path:
    """The one graph that was exported into the folder."""
    (graph,) = folder.glob("*/model.onnx")
    return graph


def compared(what: str, amount: float, yardstick: str, yardstick_amount: float, unit: str) -> Measurement:
    """A line whose goal is to be no more than the yardstick."""
    return Measurement(what, amount, yardstick, yardstick_amount, goal=1.0, unit=unit)


def fastest(runs: list[Run]) -> float:
    """In seconds."""
    return min(item.seconds for item in runs)


def lightest(runs: list[Run]) -> float:
    """In GiB."""
    return min(item.peak for item in runs) / 2**30


def decoded(finished: Run) -> tuple[float, list[int]]:
    """Seconds per token and tokens of the last of a run's reports."""
    report = json.loads(finished.output.splitlines()[-1])
    return report["seconds_per_token"], report["tokens"]


def run(python: Path, module: str, *arguments: str) -> Run:
    """Run one of this folder's modules to its end, and fail if it fails."""
    return run_module(python, f"tests.benchmarks.smollm2.{module}", *arguments)


def run_module(python: Path, module: str, *arguments: str) -> Run:
    """Run a module to its end, and fail if it fails."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(python), "-m", module, *arguments],
            cwd=ROOT,
            stdout=output,
            stderr=errors,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        output.seek(0)
        errors.seek(0)
        if status != 0:
            raise BenchmarkError(failure(module, os.waitstatus_to_exitcode(status), errors.read()))
        return Run(seconds, usage.ru_maxrss * 1024, output.read())
