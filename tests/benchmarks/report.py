"""What benchmarks gave, line by line on the terminal and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole
from tests.benchmarks.timing import Measurement, Size

_COLOURS = {"met": "green", "missed": "yellow", "failed": "bold red"}
# Of the column with the outcome.
_WIDTH = 8


@dataclass(frozen=True)
class Result:
    """What one benchmark gave.

    Attributes:
        benchmark: its name.
        measurements: those that were made, before it failed if it did.
        error: why it failed, in one line; empty where it did not.
    """

    benchmark: str
    measurements: tuple[Measurement, ...]
    error: str = ""


def show_measurement(console: Console, made: Measurement) -> None:
    """The ratio beside its goal, and below what it is made of."""
    of_what = f"{_amount(made.amount, made.unit)} against {_amount(made.yardstick_amount, made.unit)}"
    _show(console, "met" if made.met else "missed", f"{made.what}: {made.ratio:.2f} (goal {made.goal:g})")
    _show(console, "", f"{of_what}: {made.yardstick}")


def show_failure(console: Console, result: Result) -> None:
    """Which benchmark failed, and why."""
    _show(console, "failed", f"{result.benchmark}: {result.error}")


def _show(console: Console, outcome: str, text: str) -> None:
    """A line whose further lines, in a narrow terminal, begin where its text does."""
    first = Text(f"{outcome:{_WIDTH}}", style=_COLOURS.get(outcome, ""))
    room = max(console.width - _WIDTH, 20)
    lines = Text(text, style="" if outcome else "dim").wrap(console, room)
    for number, line in enumerate(lines):
        line.rstrip()
        console.print((Text(" " * _WIDTH) if number else first) + line, highlight=False)


def _amount(amount: float, unit: str) -> str:
    return f"{amount:.3g} {unit}"


def write_json(path: Path, results: Sequence[Result], size: Size) -> None:
    """All results as one document, which appears whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    document = {
        "size": size.value,
        "benchmarks": {
            result.benchmark: {
                "measurements": [
                    asdict(made) | {"ratio": made.ratio, "met": made.met} for made in result.measurements
                ],
                "error": result.error or None,
            }
            for result in results
        },
    }
    try:
        write_whole(path, json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Give --json another place.") from error
