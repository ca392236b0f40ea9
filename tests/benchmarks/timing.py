"""Time things so that a busy machine does not decide the result: the best of several runs, quoted as ratios."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Measurement:
    """One line of the report: an amount beside that of a yardstick measured in the same run, and its goal."""

    what: str
    amount: float
    yardstick: str
    yardstick_amount: float
    goal: float
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times the yardstick it takes."""
        return self.amount / self.yardstick_amount


def best_of(runs: int, call: Callable[[], object]) -> float:
    """The shortest wall time of `call`, in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def command(arguments: Sequence[str]) -> Callable[[], object]:
    """A call that runs this interpreter with `arguments` from the project's root, and fails if it fails."""
    return lambda: subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
