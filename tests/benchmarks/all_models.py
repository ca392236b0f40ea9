"""`python -m tests.benchmarks.all_models --against CHECKOUT`: `generate --all` here and in another checkout.

Both run on this interpreter and its packages, in turns, each into a copy of what its checkout holds under `generated`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.errors import UsageError
from qeff_codegen.messages import MessageCommand
from tests.benchmarks.report import show_measurement
from tests.benchmarks.timing import ROOT, BenchmarkError, Measurement, output_of, seconds_of

GOAL = 0.25
EXIT_FAILED = 1


@click.command(cls=MessageCommand)
@click.option(
    "--against",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another checkout, such as `git worktree add ../before COMMIT` makes.",
)
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True, help="The best of so many counts.")
def main(against: Path, runs: int) -> None:
    """Time `generate --all` in this checkout and in another one."""
    other = against.resolve()
    for checkout in (ROOT, other):
        check_that_it_runs_its_own_code(checkout)
    try:
        pairs = [
            (seconds_of(partial(generate_all, ROOT)), seconds_of(partial(generate_all, other))) for _ in range(runs)
        ]
    except BenchmarkError as error:
        click.echo(f"failed  {error}", err=True)
        sys.exit(EXIT_FAILED)
    here, there = (min(seconds) for seconds in zip(*pairs, strict=True))
    show_measurement(Console(), Measurement("generate --all", here, f"the same in {other}", there, GOAL))


def check_that_it_runs_its_own_code(checkout: Path) -> None:
    """Another one's code would be timed where that is installed and the folder holds no code.

    Raises:
        UsageError: it is no checkout of this project.
    """
    found = Path(output_of(["-c", "import qeff_codegen; print(qeff_codegen.__path__[0])"], root=checkout).strip())
    if found.resolve().parent != checkout or not (checkout / "generated" / "manifest.json").is_file():
        raise UsageError(f"{checkout} is no checkout of this project with generated models in it.")


def generate_all(checkout: Path) -> None:
    """Generate every model that is checked in, with the checkout's own code.

    Raises:
        BenchmarkError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "generated"
        shutil.copytree(checkout / "generated", output)
        output_of(["-m", "qeff_codegen", "generate", "--all", "--output", str(output)], root=checkout)


if __name__ == "__main__":
    main()
