"""`bump`: what another transformers release does to the checked-in models, and how it is taken over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import track

from qeff_codegen.cli.tables import show_table
from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE

if TYPE_CHECKING:
    from qeff_codegen.bump.comparison import Bump, Comparison
    from qeff_codegen.errors import Refusal
    from qeff_codegen.generated_model import GeneratedModel
    from qeff_codegen.upstream.source import UpstreamModel

GENERATED = Path("generated")


@click.command()
@click.argument("version")
@click.option(
    "--report",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the whole report, with all diffs, to this file: FILE.html, FILE.json, or FILE.md without the diffs.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "json"]),
    help="The report's format.  [default: by the file's suffix]; without --report, print it instead of the summary.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Models generated at the same time."
)
@click.pass_context
def bump(context: click.Context, version: str, path: Path | None, form: str | None, jobs: int) -> None:
    """Show what transformers VERSION does to every checked-in model; it is read as text, and nothing is written.

    Exit code 0: every checked-in family generates at VERSION. 1: some are refused now, or are gone.
    """
    # The engine brings LibCST and every rule along, which --help does not need.
    from qeff_codegen.bump.compare import compare
    from qeff_codegen.bump.comparison import LOST
    from qeff_codegen.bump.report import Report, form_of, write_report
    from qeff_codegen.upstream.release import release_text

    if path is not None:
        form = form or form_of(path)
    found = compare(version, GENERATED, release_text, partial(_generated, jobs))
    report = Report(found)
    if form is not None and path is None:
        click.echo(report.render(form), nl=False)
    else:
        _summarise(found)
    if form is not None and path is not None:
        write_report(path, report.render(form))
        click.echo(f"written    {path}")
    context.exit(EXIT_DIFFERENCES if found.of(*LOST) else EXIT_DONE)


def _generated(jobs: int, upstreams: Sequence[UpstreamModel]) -> Iterator[GeneratedModel | Refusal]:
    """Generate all of a release's models, with a bar on a terminal: it takes a minute or more."""
    from qeff_codegen.engine.generate_many import generate_models

    console = Console(stderr=True)
    models = generate_models(upstreams, jobs)
    yield from track(
        models, "Generating", len(upstreams), console=console, transient=True, disable=not console.is_terminal
    )


def _summarise(found: Bump) -> None:
    """Counts of outcomes, and a line for each family that is lost."""
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
        click.echo(_lost(item))


def _lost(item: Comparison) -> str:
    if item.refusal is None:
        return f"{item.outcome}: {item.title}: {item.note}"
    place = f" ({item.refusal.location})" if item.refusal.location else ""
    return f"{item.outcome}: {item.title}: {item.refusal.rule}: {item.refusal.what}{place}"
