"""Compiling a Qwen2 of random weights: the weights' way from their files to the graph's, one at a time or all at once.

Both go the whole way of `compile`, preflight included, in processes of their own and in turns. The memory is also held
against what it should be for a model of any size: 1.0 GB and its three largest tensors.

    python -m tests.benchmarks streaming
    python -m tests.benchmarks.streaming_model 7b FOLDER
    python -m tests.benchmarks.streamed FOLDER OUTPUT float16 one
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.smollm2.measuring import OURS, Run, fastest, lightest, run_module
from tests.benchmarks.streaming_model import elements_of_largest, save
from tests.benchmarks.timing import Measurement, Size

TIME_GOAL, MEMORY_GOAL = 0.5, 1.0
GB = 1e9
ALLOWED = 1.0 * GB
DTYPES = {"float32": 4, "float16": 2}


def measure(size: Size) -> Iterator[Measurement]:
    """Peak memory and time for a graph in float32 and in float16."""
    model, rounds = size.of("0.5b", "tiny"), size.of(3, 1)
    with tempfile.TemporaryDirectory() as name:
        checkpoint, output = Path(name) / "model", Path(name) / "graphs"
        save(model, checkpoint)
        for dtype, itemsize in DTYPES.items():
            runs: dict[str, list[Run]] = {"one": [], "all": []}
            for _ in range(rounds):
                for way, made in runs.items():
                    words = str(checkpoint), str(output), dtype, way
                    made.append(run_module(OURS, "tests.benchmarks.streamed", *words))
                    shutil.rmtree(output)
            one, all_at_once = runs.values()
            what = f"compile a Qwen2 of {model} in {dtype}"
            allowed = (ALLOWED + elements_of_largest(model, 3) * itemsize) / 2**30
            peak = lightest(one)
            yield Measurement(f"{what}, peak memory", peak, "1.0 GB and three tensors", allowed, MEMORY_GOAL, "GiB")
            yield Measurement(f"{what}, peak memory", peak, "loading all before", lightest(all_at_once), 1.0, "GiB")
            yield Measurement(what, fastest(one), "loading all before", fastest(all_at_once), TIME_GOAL)
