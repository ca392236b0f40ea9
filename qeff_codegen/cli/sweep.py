"""`sweep`: every family of transformers, generated and validated, and the coverage written down."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, EXIT_STOPPED, UsageError

# Stages by the spelling of the option, to the last of them.
STAGES = {"1-2": 2, "1-3": 3}


@click.command()
@click.option("--family", "families", multiple=True, metavar="NAME", help="Sweep this family only; may be repeated.")
@click.option("--stages", type=click.Choice(list(STAGES)), default="1-3", show_default=True)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Families that run at the same time."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for coverage.md and coverage.json.  [default: docs; nothing is written with --family]",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/sweep"),
    show_default=True,
    help="The folder that keeps results; a family is run again when its source, the rules, this tool or a package it "
    "runs on has changed.",
)
@click.option(
    "--time-limit", type=click.FloatRange(min=1), default=180.0, show_default=True, help="Seconds for one family."
)
@click.pass_context
def sweep(
    context: click.Context,
    families: tuple[str, ...],
    stages: str,
    jobs: int,
    output: Path | None,
    work: Path,
    time_limit: float,
) -> None:
    """Generate, verify and validate every family of the installed transformers that has a causal LM.

    A sweep that is stopped keeps the results it has, and the next one goes on from there.

    Exit code 0: every family is supported or refused. 1: a family differs from upstream, or could not be judged.
    """
    from qeff_codegen.coverage.page import write_coverage
    from qeff_codegen.sweep.result_key import PACKAGES
    from qeff_codegen.sweep.run import families_to_sweep, sweep_with
    from qeff_codegen.upstream.transformers_text import installed_transformers

    try:
        for package in PACKAGES:
            version(package)
    except PackageNotFoundError as error:
        raise UsageError(
            f"The sweep needs the package `{error.name}`, which is not installed.\n"
            "Run `pip install 'qeff_codegen[run]'`; generating works without it."
        ) from error
    last_stage = STAGES[stages]
    try:
        results = sweep_with(last_stage, work, jobs, time_limit).over(families_to_sweep(families), Console())
    except KeyboardInterrupt:
        click.echo(f"\nStopped. What is done is kept in {work}; the same command goes on from there.", err=True)
        context.exit(EXIT_STOPPED)
    for result in results:
        if result.is_defect:
            click.echo(f"\n{result.state.upper()} {result.family}: {result.reason}\n{result.detail}".rstrip())
    counts = Counter(result.state for result in results)
    click.echo(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
    if output is not None or not families:
        release = installed_transformers().version or ""
        for path in write_coverage(results, output or Path("docs"), release, last_stage):
            click.echo(f"written    {path}")
    context.exit(EXIT_DIFFERENCES if any(result.is_defect for result in results) else EXIT_DONE)
