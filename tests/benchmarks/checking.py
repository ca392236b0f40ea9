"""How long `check` takes when nothing has changed."""

from __future__ import annotations

from tests.benchmarks.timing import Measurement, best_of, command


def measure() -> list[Measurement]:
    """The command over all that is checked in, against an interpreter that starts and ends."""
    seconds = best_of(5, command(["-m", "qeff_codegen", "check"]))
    bare = best_of(5, command(["-c", "pass"]))
    return [Measurement("python -m qeff_codegen check", seconds, "starting Python", bare, 1.0)]
