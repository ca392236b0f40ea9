"""How long `check` takes when nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.timing import Measurement, Size, best_of, command

GOAL = 10.0


def measure(size: Size) -> Iterator[Measurement]:
    """The command over all that is checked in (or one model of it), against an interpreter that starts and ends."""
    runs = size.of(5, 1)
    names = size.of((), ("blueprint",))
    seconds = best_of(runs, command(["-m", "qeff_codegen", "check", *names]))
    bare = best_of(runs, command(["-c", "pass"]))
    yield Measurement("python -m qeff_codegen check", seconds, "starting Python", bare, GOAL)
