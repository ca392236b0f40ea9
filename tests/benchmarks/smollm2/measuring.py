"""Each side in a process of its own, in turns, so that a busy machine slows them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.environments.layered import layered_python
from tests.benchmarks.smollm2.decoding import CTX_LEN
from tests.benchmarks.smollm2.weights import saved_checkpoint
from tests.benchmarks.timing import ROOT, Measurement

OPTIMUM = "optimum-onnx==0.1.0"  # which needs transformers before 4.58
ROUNDS = 3


@dataclass(frozen=True)
class Run:
    """One process: its wall time in seconds, its largest resident size in bytes, and what it printed."""

    seconds: float
    peak: int
    output: str


def measure() -> list[Measurement]:
    """Exporting and decoding, ours against the others."""
    checkpoint = str(saved_checkpoint())
    optimum = layered_python(OPTIMUM.replace("==", "-"), (OPTIMUM,), OPTIMUM.replace("==", " "))
    ours = Path(sys.executable)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        our_exports, their_exports = [], []
        for number in range(2):
            our_exports.append(run(ours, "export_ours", checkpoint, str(folder / f"ours-{number}")))
            their_exports.append(run(optimum, "export_optimum", checkpoint, str(folder / f"optimum-{number}")))
        (our_graph,) = (folder / "ours-0").glob("*/model.onnx")
        sides = {
            "ours": (ours, "decode_ours", str(our_graph)),
            "transformers": (ours, "decode_transformers", checkpoint),
            "optimum": (optimum, "decode_optimum", str(folder / "optimum-0" / "model.onnx")),
        }
        rounds = [{side: decoded(run(*command)) for side, command in sides.items()} for _ in range(ROUNDS)]
    if len({str(tokens) for turn in rounds for _, tokens in turn.values()}) != 1:
        raise RuntimeError("the sides did not decode the same tokens, so their speeds say nothing")
    per_token = {side: min(turn[side][0] for turn in rounds) for side in sides}
    return [
        less_than(f"decode a token at ctx_len {CTX_LEN}", per_token["ours"], f"{other}, a token", per_token[key], "s")
        for key, other in (("transformers", "transformers' generate"), ("optimum", "optimum-onnx's graph"))
    ] + [
        less_than("export SmolLM2", fastest(our_exports), "optimum-onnx", fastest(their_exports), "s"),
        less_than("export SmolLM2, memory", lightest(our_exports), "optimum-onnx", lightest(their_exports), "GiB"),
    ]


def less_than(what: str, amount: float, yardstick: str, yardstick_amount: float, unit: str) -> Measurement:
    """A line whose goal is to be no more than the yardstick."""
    return Measurement(what, amount, yardstick, yardstick_amount, goal=yardstick_amount, unit=unit)


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
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(python), "-m", f"tests.benchmarks.smollm2.{module}", *arguments],
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
            raise RuntimeError(f"{module} failed:\n{errors.read()}")
        return Run(seconds, usage.ru_maxrss * 1024, output.read())
