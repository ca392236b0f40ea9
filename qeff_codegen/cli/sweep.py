"""`sweep`: every family of transformers, generated and validated, and the coverage written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.cli.family_names import upstream_families
from qeff_codegen.cli.formats import json_option
from qeff_codegen.cli.run_packages import named_if_missing
from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.coverage.swept import TASKS, TEXT
from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, EXIT_STOPPED, UsageError

# Stages by the spelling of the option, to the last of them.
STAGES = {"1-2": 2, "1-3": 3}


def _shard(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """K and N of `K/N`, with K from 1 to N."""
    if value is None:
        return None
    number, _, count = value.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise click.BadParameter(f"{value!r} is no part: give K/N, such as 2/4, with K from 1 to N")
    return int(number), int(count)


@click.command()
@click.argument("parts", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--shard",
    callback=_shard,
    metavar="K/N",
    help="Sweep part K of N only, and write what was found out into --work, for --merge. By the seconds in "
    "coverage.json the parts take about as long each.",
)
@click.option("--merge", is_flag=True, help="Run nothing; make the pages of PARTS, the files of all N parts.")
@click.option(
    "--task",
    type=click.Choice(TASKS),
    default=TEXT,
    show_default=True,
    help="Which of transformers' tables: its causal LMs, or its image-text models.",
)
@click.option(
    "--family",
    "families",
    multiple=True,
    metavar="NAME",
    shell_complete=upstream_families,
    help="Sweep this family only; may be repeated.",
)
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
@json_option
@click.pass_context
def sweep(
    context: click.Context,
    parts: tuple[Path, ...],
    shard: tuple[int, int] | None,
    merge: bool,
    task: str,
    families: tuple[str, ...],
    stages: str,
    jobs: int,
    output: Path | None,
    work: Path,
    time_limit: float,
    style: str,
) -> None:
    """Generate, verify and validate every family of the installed transformers that has a causal LM, or images.

    `sweep --merge PARTS` makes the pages of what `sweep --shard K/N` found out on N machines.

    A sweep that is stopped keeps the results it has, and the next one goes on from there.

    Exit code 0: every family is supported or refused. 1: a family differs from upstream, or could not be judged.
    """
    _check_together(parts, merge, shard is not None, bool(families))
    if merge:
        if style == "json":
            raise UsageError("--merge writes coverage.json, which is the document of a sweep: leave --format out.")
        context.exit(_merge(parts, output or Path("docs")))
    # Progress goes to standard error when standard output is a JSON document.
    as_json = style == "json"
    from qeff_codegen.coverage.page import JSON, laid_out, write_coverage
    from qeff_codegen.coverage.swept import Swept
    from qeff_codegen.sweep.measured_seconds import measured_seconds
    from qeff_codegen.sweep.result_key import PACKAGES
    from qeff_codegen.sweep.run import families_to_sweep, sweep_with
    from qeff_codegen.sweep.shards import Shard, write_part
    from qeff_codegen.upstream.transformers_text import installed_transformers

    with named_if_missing("The sweep"):
        for package in PACKAGES:
            version(package)
    last_stage = STAGES[stages]
    chosen = families_to_sweep(families, task)
    writes = output is not None or not families
    # A few families take as long in any order, and must not end at a file that they do not write.
    seconds = measured_seconds((output or Path("docs")) / JSON, task) if writes else {}
    if shard is not None:
        chosen = Shard(*shard).of(chosen, seconds)
    try:
        results = sweep_with(task, last_stage, work, jobs, time_limit).over(chosen, Console(stderr=as_json), seconds)
    except KeyboardInterrupt:
        click.echo(f"\nStopped. What is done is kept in {work}; the same command goes on from there.", err=True)
        context.exit(EXIT_STOPPED)
    swept = Swept(installed_transformers().version or "", last_stage, tuple(results))
    if as_json:
        click.echo(laid_out(swept.as_json()), nl=False)
    else:
        _show(results)
    if shard is not None:
        click.echo(f"written    {write_part(Shard(*shard), task, swept, work)}", err=as_json)
    elif writes:
        for path in write_coverage(swept, task, output or Path("docs")):
            click.echo(f"written    {path}", err=as_json)
    context.exit(EXIT_DIFFERENCES if any(result.is_defect for result in results) else EXIT_DONE)


def _check_together(parts: tuple[Path, ...], merge: bool, sharded: bool, chosen: bool) -> None:
    if merge and (sharded or chosen):
        raise UsageError("--merge runs nothing: give it without --shard and --family.")
    if merge is not bool(parts):
        raise UsageError("`sweep --merge FILE...` takes the files that `sweep --shard K/N` wrote, and only it does.")
    if sharded and chosen:
        raise UsageError("--shard divides all families: give it without --family.")


def _merge(paths: tuple[Path, ...], output: Path) -> int:
    """Make the pages of all parts, and say what is missing; the exit code."""
    from qeff_codegen.coverage.page import write_coverage
    from qeff_codegen.coverage.swept import Swept
    from qeff_codegen.sweep.run import families_to_sweep
    from qeff_codegen.sweep.shards import read_parts, what_is_missing

    parts = read_parts(paths)
    results = [result for part in parts for result in part.results]
    _show(results)
    made_from, task = parts[0].made_from, parts[0].task
    missing = what_is_missing(parts, families_to_sweep((), task))
    if missing:
        # A page without them would read as if there were no such families.
        click.echo(f"{missing}\nNothing is written.", err=True)
        return EXIT_DIFFERENCES
    swept = Swept(made_from["transformers"], int(made_from["last stage"]), tuple(results))
    for path in write_coverage(swept, task, output):
        click.echo(f"written    {path}")
    return EXIT_DIFFERENCES if any(result.is_defect for result in results) else EXIT_DONE


def _show(results: Sequence[FamilyResult]) -> None:
    """Every defect, and how many families came to what."""
    for result in results:
        if result.is_defect:
            click.echo(f"\n{result.state.upper()} {result.family}: {result.reason}\n{result.detail}".rstrip())
    counts = Counter(result.state for result in results)
    click.echo(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
