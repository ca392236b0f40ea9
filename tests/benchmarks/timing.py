"""Time things so that a busy machine does not decide the result: the best of several runs, quoted as ratios."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]

Value = TypeVar("Value")


class BenchmarkError(Exception):
    """A benchmark has no result; the message says why in one line."""


class Size(Enum):
    """How much is measured: enough to quote, or just enough to see that it can be measured."""

    FULL = "full"
    SMALLEST = "smallest"

    def of(self, full: Value, smallest: Value) -> Value:
        """The value for this size."""
        return full if self is Size.FULL else smallest


@dataclass(frozen=True)
class Measurement:
    """One line of the report: an amount beside that of a yardstick measured in the same run.

    Attributes:
        what: what takes the amount.
        amount: how much it takes.
        yardstick: what it is compared with.
        yardstick_amount: how much that takes.
        goal: the largest ratio of the two that is good enough.
        unit: of both amounts.
    """

    what: str
    amount: float
    yardstick: str
    yardstick_amount: float
    goal: float
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times the yardstick it takes."""
        return self.amount / self.yardstick_amount if self.yardstick_amount else math.inf

    @property
    def met(self) -> bool:
        """Whether the goal is."""
        return self.ratio <= self.goal


def seconds_of(call: Callable[[], object]) -> float:
    """The wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def best_of(runs: int, call: Callable[[], object]) -> float:
    """The shortest wall time of `call`, in seconds."""
    return min(seconds_of(call) for _ in range(runs))


def output_of(arguments: Sequence[str], *, root: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    """What this interpreter prints with `arguments`, run from a checkout's root.

    Raises:
        BenchmarkError: it failed; the message ends with the last line it said.
    """
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        env=os.environ | (environment or {}),
        check=False,
    )
    if result.returncode != 0:
        what = "a script" if arguments[0] == "-c" else " ".join(arguments[:4])
        raise BenchmarkError(failure(what, result.returncode, result.stderr.strip() or result.stdout))
    return result.stdout


def failure(what: str, exit_code: int, said: str) -> str:
    """One line: how a process ended (a negative code is a signal), and what it said last.

    Progress bars are written over one another in one line, the last of them last.
    """
    lines = [line for line in said.replace("\r", "\n").splitlines() if line.strip()] or ["it said nothing"]
    return f"{what} ended with exit code {exit_code}: {lines[-1].strip()}"


def command(arguments: Sequence[str]) -> Callable[[], object]:
    """A call that runs this interpreter with `arguments` from the project's root, and fails if it fails.

    Python keeps compiled modules, whatever it is told here: those of the libraries were kept when they were installed,
    and a user's second command finds both.
    """
    return lambda: output_of(arguments, environment={"PYTHONDONTWRITEBYTECODE": ""})
