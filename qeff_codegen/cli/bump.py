"""`bump`: what another transformers release does to the checked-in models, and how it is taken over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qeff_codegen.cli.progress import counted, say
from qeff_codegen.cli.tables import show_table
from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, UsageError

if TYPE_CHECKING:
    from qeff_codegen.bump.comparison import Bump
    from qeff_codegen.bump.decisions import Decisions
    from qeff_codegen.coverage.family_result import FamilyResult
    from qeff_codegen.emit.write import WriteReport
    from qeff_codegen.errors import Refusal
    from qeff_codegen.generated_model import GeneratedModel
    from qeff_codegen.upstream.source import UpstreamModel

# Where the project keeps what a bump changes.
GENERATED = Path("generated")
PYPROJECT = Path("pyproject.toml")


@click.command()
@click.argument("version")
@click.option(
    "--report",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the whole report to this file: *.html or *.json with all diffs, *.md without those of single files.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "json"]),
    help="The report's format; without --report it is printed, in place of the summary.  [default: by the suffix]",
)
@click.option("--validate", is_flag=True, help="Run Stages 1 to 3 with VERSION, in an environment made for it.")
@click.option("--write", is_flag=True, help="Take VERSION over: generated/ and the pin in pyproject.toml, or nothing.")
@click.option(
    "--drop",
    "dropped",
    multiple=True,
    metavar="FAMILY",
    help="Give up a family that is refused or gone at VERSION, so that --write may remove it; may be repeated.",
)
@click.option(
    "--add-new",
    is_flag=True,
    help="Also validate families that generate and are not checked in; --write adds those that are equal to upstream.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Models that are worked on at a time."
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/bump"),
    show_default=True,
    help="The folder that keeps what --validate has found.",
)
@click.pass_context
def bump(
    context: click.Context,
    version: str,
    path: Path | None,
    form: str | None,
    validate: bool,
    write: bool,
    dropped: tuple[str, ...],
    add_new: bool,
    jobs: int,
    work: Path,
) -> None:
    """Show what transformers VERSION does to every checked-in model. It is read as text.

    Nothing is written into the project without --write, and then all of it or nothing.

    Exit code 0: nothing is left to decide. 1: a checked-in family is refused or gone and not given up, or a family
    differs from upstream.
    """
    say("reading", f"transformers {version}, which is fetched where it is not here")
    # The engine brings black and every rule along, which --help does not need.
    from qeff_codegen.bump.compare import compare
    from qeff_codegen.bump.decisions import Decisions, check_drops, kept_models, new_models, undecided
    from qeff_codegen.bump.report import Report, form_of, write_report
    from qeff_codegen.bump.take_over import check_ready, take_over
    from qeff_codegen.upstream.release import release_text

    if dropped and not write:
        raise UsageError("--drop says what --write may remove: give both.")
    if add_new and not validate:
        raise UsageError("--add-new adds what is equal to upstream, which --validate finds out: give both.")
    if write and form is not None and path is None:
        raise UsageError("--write says what it has written, so the report needs a file: give --report FILE.")
    if path is not None:
        form = form or form_of(path)
    found = compare(version, GENERATED, release_text, partial(_generated, jobs))
    check_drops(found, dropped)
    if write:
        # Validating takes as long as a sweep; what stands in the way already is said before.
        check_ready(found, Decisions(dropped), PYPROJECT)
    addable = new_models(found) if add_new else ()
    stages = _stages(found.version, (*kept_models(found), *addable), work, jobs) if validate else {}
    decisions = Decisions(dropped, stages)
    report = Report(found, decisions)
    if form is not None and path is None:
        click.echo(report.render(form), nl=False)
    else:
        _summarise(found, decisions)
    if form is not None and path is not None:
        write_report(path, report.render(form))
        click.echo(f"written    {path}")
    if write:
        added = [model for model in addable if decisions.passed(model)]
        _list(take_over(found, decisions, added, GENERATED, PYPROJECT))
        for model in addable:
            if model not in added:
                click.echo(f"not added  {model.name}: it is not equal to upstream for all of its families")
    wrong = any(result.is_defect for result in stages.values())
    context.exit(EXIT_DIFFERENCES if wrong or undecided(found, decisions) else EXIT_DONE)


def _list(outcome: WriteReport) -> None:
    for path in outcome.written:
        click.echo(f"written    {path}")
    for name in outcome.dropped:
        click.echo(f"dropped    {name}")
    click.echo("next       pip install -e '.[run,dev]', then make sweep and make test")


def _generated(jobs: int, upstreams: Sequence[UpstreamModel]) -> Iterator[GeneratedModel | Refusal]:
    """Generate all of a release's models, with a bar on a terminal: it takes a minute or more."""
    from qeff_codegen.generate.many_models import generate_models

    say("generating", f"{len(upstreams)} models of that release, {jobs} at a time")
    yield from counted(generate_models(upstreams, jobs), len(upstreams), "Generating")


def _stages(version: str, models: Sequence[GeneratedModel], work: Path, jobs: int) -> dict[str, FamilyResult]:
    from qeff_codegen.bump.stages import run_stages
    from qeff_codegen.environments.release import release_python

    families = sorted({family for model in models for family in model.upstream.families})
    return run_stages(families, version, release_python(version), work / version, jobs)


def _summarise(found: Bump, decisions: Decisions) -> None:
    """Counts of outcomes, and a line for everything that is not as it should be."""
    from qeff_codegen.bump.comparison import LOST
    from qeff_codegen.bump.report import counts

    if found.other_rules:
        click.echo(
            f"The rules, or the formatter, have changed since {len(found.other_rules)} of the checked-in packages "
            "were generated; what is generated differs for that reason too.\n"
            "To keep the two apart, run `python -m qeff_codegen generate --all` first."
        )
    rows = [(count["outcome"], str(count["packages"]), str(count["families"])) for count in counts(found)]
    title = f"From transformers {', '.join(found.releases)} to {found.version}"
    show_table(title, ("outcome", "packages", "families"), rows)
    for item in found.of(*LOST):
        given_up = ", given up" if decisions.drops(item) else ""
        click.echo(f"{item.outcome}{given_up}: {item.title}: {item.reason}")
    for result in decisions.stages.values():
        if result.is_defect:
            click.echo(f"{result.state}: {result.family}: {result.reason}")
