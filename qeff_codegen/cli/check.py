"""`check`: whether what is checked in is current, and if not, why not and what mends it."""

from __future__ import annotations

from pathlib import Path

import click

from qeff_codegen.check.formats import FORMATS
from qeff_codegen.check.run import check as check_folder
from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, EXIT_REFUSED


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option(
    "--generated",
    type=click.Path(path_type=Path),
    default=Path("generated"),
    show_default=True,
    help="The folder the models were generated into.",
)
@click.option(
    "--output-format",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="What to print: text to read, annotations for GitHub, or one JSON document.",
)
@click.pass_context
def check(context: click.Context, names: tuple[str, ...], generated: Path, output_format: str) -> None:
    """Say whether regenerating NAME, or everything, would change a byte, and why.

    Hashes are compared first; a model is generated again, in memory, only where one differs. Nothing is written.

    Exit code 0: all is current. 1: it is not. 2: the check cannot start. 3: a model that is not current would be
    refused now.
    """
    report = check_folder(generated, names)
    click.echo(FORMATS[output_format](report))
    context.exit(EXIT_REFUSED if report.is_refused else EXIT_DIFFERENCES if report.findings else EXIT_DONE)
