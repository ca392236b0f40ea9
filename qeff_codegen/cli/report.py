"""`report`: one site of all families, as static files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from qeff_codegen.cli.charts import check_charts
from qeff_codegen.cli.progress import counted

DOCS = Path("docs")
GENERATED = Path("generated")


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/site"),
    show_default=True,
    help="The folder for the site; one that holds other files is left alone.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Models generated at the same time."
)
def report(output: Path, jobs: int) -> None:
    """Write a site of all families: what is supported, by stage and by release, and what is missing.

    Made of what is checked in: the generated models, docs/coverage.json and docs/releases.json. It is static, loads
    nothing from elsewhere and opens from disk.
    """
    check_charts("The site's", "the review of one model works without it")
    click.echo(f"making     the site in {output}: every model is generated anew")
    from qeff_codegen.site.build import Inputs, gather, write_site
    from qeff_codegen.site.pages import pages
    from qeff_codegen.validation.record import RECORDS

    texts = pages(gather(Inputs(GENERATED, DOCS, RECORDS), jobs, partial(counted, doing="Models")))
    write_site(texts, output)
    click.echo(f"written    {output / 'index.html'} and {len(texts) - 1} files beside it")
