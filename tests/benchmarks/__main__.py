"""Run benchmarks: `python -m tests.benchmarks`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.messages import MessageCommand
from tests.benchmarks.benchmarks import BENCHMARKS, find_benchmark
from tests.benchmarks.report import Result, show_failure, show_measurement, write_json
from tests.benchmarks.timing import Size

EXIT_FAILED = 1


@click.command(cls=MessageCommand)
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)), metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Each once at its smallest size: whether it runs, not how fast it is.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results there.")
def main(names: tuple[str, ...], quick: bool, json_file: Path | None) -> None:
    """Measure everything, or the benchmarks named, and print each line as it is measured.

    A ratio is what to quote, since machines differ: it is of two things measured in turns, and its goal is met when it
    is no more. The exit code is 1 when a benchmark failed, whatever the ratios are.
    """
    console = Console(highlight=False)
    size = Size.SMALLEST if quick else Size.FULL
    results = [run(name, size, console) for name in names or BENCHMARKS]
    if json_file is not None:
        write_json(json_file, results, size)
    sys.exit(EXIT_FAILED if any(result.error for result in results) else 0)


def run(name: str, size: Size, console: Console) -> Result:
    """One benchmark to its end, or until it fails."""
    made = []
    try:
        with console.status(f"measuring {name}"):
            for measurement in find_benchmark(name)(size):
                made.append(measurement)
                show_measurement(console, measurement)
    except Exception as error:  # the others have results of their own
        first_line = (str(error).strip() or "no reason given").splitlines()[0]
        failed = Result(name, tuple(made), f"{type(error).__name__}: {first_line}")
        show_failure(console, failed)
        return failed
    return Result(name, tuple(made))


if __name__ == "__main__":
    main()
