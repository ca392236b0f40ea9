"""How long generating takes: Llama and every checked-in model in a warm process (see `warm`), and a whole command."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qeff_codegen.checked_in.manifest import load
from tests.benchmarks.timing import ROOT, Measurement, Size, best_of, command
from tests.benchmarks.warm import Warm, warm

LLAMA_GOAL = 3.0
MEDIAN_GOAL = 3.5
WORST_GOAL = 6.0
COMMAND_GOAL = 2.0
IMPORTS = "import libcst, black, click, rich.console"

# Two sets, so that each can be timed after the other.
_FIRST, _OTHERS = ("gpt2", "mixtral"), ("llama", "qwen3")
_ONE, _FEW = ("gpt2",), ("arcee", "llama")


def llama(size: Size) -> Iterator[Measurement]:
    """Llama in a warm process, against LibCST's round trip of its file."""
    (found,) = warm(["llama"], size.of(_FIRST, _ONE), runs=size.of(5, 1))
    yield _measurement("generate Llama, warm", found, LLAMA_GOAL)


def every_model(size: Size) -> Iterator[Measurement]:
    """Every checked-in model in a warm process, each against LibCST's round trip of its file: median and worst."""
    found = size.of(_checked_in, _few)()
    median = statistics.median_low(each.ratio for each in found)
    middle = next(each for each in found if each.ratio == median)
    worst = max(found, key=lambda each: each.ratio)
    models = f"of {len(found)} checked-in models"
    yield _measurement(f"generate warm, median {models}: {middle.name}", middle, MEDIAN_GOAL)
    yield _measurement(f"generate warm, worst {models}: {worst.name}", worst, WORST_GOAL)


def _checked_in() -> list[Warm]:
    names = [name for name in load(ROOT / "generated").models if name not in _FIRST]
    return [*warm(names, _FIRST, runs=2), *warm(_FIRST, _OTHERS, runs=2)]


def _few() -> list[Warm]:
    return warm(_FEW, _ONE, runs=1)


def whole_command(size: Size) -> Iterator[Measurement]:
    """The command, against importing the libraries that it takes."""
    runs = size.of(5, 1)
    with tempfile.TemporaryDirectory() as folder:
        whole = best_of(runs, command(["-m", "qeff_codegen", "llama", "--output", str(Path(folder) / "generated")]))
    imports = best_of(runs, command(["-c", IMPORTS]))
    yield Measurement("python -m qeff_codegen llama", whole, "importing its libraries", imports, COMMAND_GOAL)


def _measurement(what: str, found: Warm, goal: float) -> Measurement:
    return Measurement(what, found.generation, "LibCST parses and prints its file", found.round_trip, goal)
