"""Each side in a process of its own, in turns, so that a busy machine slows them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.environments.layered import layered_python
from tests.benchmarks.smollm2.decoding import Task
from tests.benchmarks.smollm2.weights import save_smallest, saved_checkpoint
from tests.benchmarks.timing import ROOT, BenchmarkError, Measurement, Size, failure

OPTIMUM = "optimum-onnx==0.1.0"  # which needs transformers before 4.58
GENAI = "onnxruntime-genai==0.18.0"
ROUNDS, LONG_ROUNDS = 3, 2
# 512 tokens of prompt, and a context that fills up.
TASK, LONG_TASK = Task(ctx_len=576, new_tokens=64), Task(ctx_len=4096, new_tokens=32)
SMALLEST_TASK = Task(ctx_len=72, new_tokens=4)
PREFILL_GOAL, DECODE_GOAL, LONG_DECODE_GOAL, SERVE_GOAL = 1.0, 0.8, 0.7, 0.5
OURS = Path(sys.executable)
ALONE = Path(__file__).parents[1] / "run_alone.py"


@dataclass(frozen=True)
class Run:
    """One process: its wall time in seconds, its largest resident size in bytes, and what it printed."""

    seconds: float
    peak: int
    output: str


@dataclass(frozen=True)
class Side:
    """What decodes: its interpreter, its module, and what that is given before and after the task."""

    python: Path
    module: str
    source: str
    more: tuple[str, ...] = ()

    def run(self, task: Task) -> Times:
        """One process of it."""
        finished = run(self.python, self.module, self.source, str(task), *self.more)
        report = json.loads(finished.output.splitlines()[-1])
        return Times(report["prefill"], report["seconds_per_token"], report["tokens"])


@dataclass(frozen=True)
class Times:
    """Processor time of a prompt and of each token after the first, in seconds, and the tokens."""

    prefill: float
    token: float
    tokens: list[int]


def measure(size: Size) -> Iterator[Measurement]:
    """Exporting and decoding, ours against the others; at the smallest size a tiny model, and nothing to download."""
    yield from size.of(_against_all, _against_transformers)()


def _against_all() -> Iterator[Measurement]:
    checkpoint = str(saved_checkpoint())
    optimum, genai = (
        layered_python(name.replace("==", "-"), (name,), name.replace("==", " ")) for name in (OPTIMUM, GENAI)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        our_exports, their_exports = [], []
        for number in range(2):
            our_exports.append(run(OURS, "export_ours", checkpoint, str(folder / f"ours-{number}"), str(LONG_TASK)))
            their_exports.append(run(optimum, "export_optimum", checkpoint, str(folder / f"optimum-{number}")))
        yield compared("export SmolLM2", fastest(our_exports), "optimum-onnx", fastest(their_exports), "s")
        what = "export SmolLM2, peak memory"
        yield compared(what, lightest(our_exports), "optimum-onnx", lightest(their_exports), "GiB")
        run(genai, "export_genai", checkpoint, str(folder / "genai"))
        sides = {
            "our graph": Side(OURS, "decode_ours", str(graph_in(folder / "ours-0"))),
            "onnxruntime-genai": Side(genai, "decode_genai", str(folder / "genai")),
            "optimum-onnx's graph": Side(optimum, "decode_optimum", str(folder / "optimum-0" / "model.onnx")),
            "transformers' generate, eager": Side(OURS, "decode_transformers", checkpoint, ("eager",)),
            "transformers' generate, sdpa": Side(OURS, "decode_transformers", checkpoint, ("sdpa",)),
        }
        yield from _decoding(sides, TASK, ROUNDS, DECODE_GOAL)
        yield from _decoding(sides, LONG_TASK, LONG_ROUNDS, LONG_DECODE_GOAL)
        run(OURS, "export_ours", checkpoint, str(folder / "rows"), str(TASK), "rows")
        yield _serving(graph_in(folder / "rows"), prompts=64)


def _against_transformers() -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Path(name) / "tiny"
        save_smallest(checkpoint)
        exports, with_rows = Path(name) / "ours", Path(name) / "rows"
        run(OURS, "export_ours", str(checkpoint), str(exports), str(SMALLEST_TASK))
        run(OURS, "export_ours", str(checkpoint), str(with_rows), str(SMALLEST_TASK), "rows")
        sides = {
            "our graph": Side(OURS, "decode_ours", str(graph_in(exports))),
            "transformers' generate, sdpa": Side(OURS, "decode_transformers", str(checkpoint), ("sdpa",)),
        }
        yield from _decoding(sides, SMALLEST_TASK, 1, DECODE_GOAL)
        yield _serving(graph_in(with_rows), prompts=10)


def _decoding(sides: Mapping[str, Side], task: Task, rounds: int, goal: float) -> Iterator[Measurement]:
    """The first side's times of the prompt and of a token against each other side's."""
    turns = [{name: side.run(task) for name, side in sides.items()} for _ in range(rounds)]
    if len({str(times.tokens) for turn in turns for times in turn.values()}) != 1:
        raise BenchmarkError("the sides did not decode the same tokens, so their speeds say nothing")
    ours, *others = sides
    prefill = {side: min(turn[side].prefill for turn in turns) for side in sides}
    token = {side: min(turn[side].token for turn in turns) for side in sides}
    length = len(task.prompt)
    for other in others:
        what = f"decode a token at ctx_len {task.ctx_len}, processor time"
        yield Measurement(what, token[ours], other, token[other], goal)
        what = f"prefill {length} tokens, processor time"
        yield Measurement(what, prefill[ours], other, prefill[other], PREFILL_GOAL)


def _serving(graph: Path, prompts: int) -> Measurement:
    """Prompts of many lengths on eight cache rows, against one after the other on one."""
    report = json.loads(run(OURS, "serve_ours", str(graph), str(prompts)).output)
    what = f"{prompts} prompts on {report['rows']} cache rows, processor time"
    return Measurement(what, report["together"], "one after the other", report["alone"], SERVE_GOAL)


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


def run(python: Path, module: str, *arguments: str) -> Run:
    """Run one of this folder's modules to its end, and fail if it fails."""
    return run_module(python, f"tests.benchmarks.smollm2.{module}", *arguments)


def run_module(python: Path, module: str, *arguments: str) -> Run:
    """Run a module to its end, and fail if it fails."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        took, errors = Path(folder) / "took.json", Path(folder) / "errors.txt"
        with errors.open("w") as said:
            subprocess.run(
                [sys.executable, "-I", "-S", str(ALONE), str(took), str(python), "-m", module, *arguments],
                cwd=ROOT,
                stdout=output,
                stderr=said,
                env=os.environ | {"HF_HUB_OFFLINE": "1"},
                check=True,
            )
        report = json.loads(took.read_text("utf-8"))
        if report["exit_code"] != 0:
            raise BenchmarkError(failure(module, report["exit_code"], errors.read_text("utf-8")))
        output.seek(0)
        return Run(report["seconds"], report["peak"], output.read())
