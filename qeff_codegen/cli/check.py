"""`check`: whether what is checked in is current, and if not, why not and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qeff_codegen.check.formats import FORMATS
from qeff_codegen.check.run import check as check_folder
from qeff_codegen.cli.family_names import generated_families
from qeff_codegen.cli.progress import counted, say
from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, EXIT_REFUSED

if TYPE_CHECKING:
    from qeff_codegen.errors import Refusal
    from qeff_codegen.generated_model import GeneratedModel
    from qeff_codegen.upstream.source import UpstreamModel


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=generated_families)
@click.option(
    "--generated",
    type=click.Path(path_type=Path),
    default=Path("generated"),
    show_default=True,
    help="The folder the models were generated into.",
)
@click.option(
    "--format",
    "--output-format",
    "output_format",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="What to print: text to read, annotations for GitHub, or one JSON document: docs/json.md.",
)
@click.pass_context
def check(context: click.Context, names: tuple[str, ...], generated: Path, output_format: str) -> None:
    """Say whether regenerating NAME, or everything, would change a byte, and why.

    Hashes are compared first; a model is generated again, in memory, only where one differs. Nothing is written.

    Exit code 0: all is current. 1: it is not. 2: the check cannot start. 3: a model that is not current would be
    refused now.
    """
    say("checking", f"{', '.join(names) or 'everything'} in {generated}")
    report = check_folder(generated, names, _generated_again)
    click.echo(FORMATS[output_format](report))
    context.exit(EXIT_REFUSED if report.is_refused else EXIT_DIFFERENCES if report.findings else EXIT_DONE)


def _generated_again(upstreams: Sequence[UpstreamModel]) -> Iterable[GeneratedModel | Refusal]:
    """Generate what hashes leave in doubt, saying so."""
    # The engine brings black and every rule along, which is not needed where hashes agree.
    from qeff_codegen.check.regenerate import generate_again

    if upstreams:
        say("generating", f"{len(upstreams)} model{'s' if len(upstreams) > 1 else ''} again, in memory")
    return counted(generate_again(upstreams), len(upstreams), "Generating")
