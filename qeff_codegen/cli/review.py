"""`review`: upstream and generated side by side, and why each line differs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from qeff_codegen.cli.family_names import upstream_families
from qeff_codegen.cli.source_options import source_options
from qeff_codegen.errors import UsageError

PAGES = Path("build/review")
CATALOGUE = Path("docs/rules.md")


@click.command()
@click.argument("name", shell_complete=upstream_families)
@source_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "terminal"]),
    default="html",
    show_default=True,
    help="One HTML page, the body of a pull request, or a diff for the terminal.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.  [default: build/review/NAME.html; markdown and terminal go to standard output]",
)
@click.option(
    "--generated",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("generated"),
    show_default=True,
    help="The folder that models are checked in to.",
)
def review(
    name: str,
    transformers_version: str | None,
    source: Path | None,
    class_name: str | None,
    form: str,
    output: Path | None,
    generated: Path,
) -> None:
    """Show NAME's generated code beside upstream's, with the rule and the reason for every hunk.

    Exit code 1: a line differs that no rule owns.
    """
    from qeff_codegen.coverage.known import all_known
    from qeff_codegen.generate.one_model import generate_model
    from qeff_codegen.review.facts import review_of
    from qeff_codegen.upstream.find import find_model
    from qeff_codegen.validation.record import RECORDS

    model = generate_model(
        find_model(name, transformers_version=transformers_version, source=source, class_name=class_name)
    )
    found = review_of(model, generated, RECORDS, all_known())
    if form == "html":
        from qeff_codegen.review.page import as_html

        path = output or PAGES / f"{model.name}.html"
        _write(path, as_html(found, _seen_from(path)))
        return
    if form == "markdown":
        from qeff_codegen.review.pull_request import as_markdown

        text = as_markdown(found)
    else:
        from rich.console import Console

        from qeff_codegen.review.terminal import as_diff

        diff = as_diff(found)
        if output is None:
            Console().print(diff, soft_wrap=True, end="")
            return
        text = diff.plain
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)


def _seen_from(page: Path) -> str | None:
    """The rule catalogue's place relative to a page; None where there is no catalogue in the current folder."""
    return Path(os.path.relpath(CATALOGUE, page.parent)).as_posix() if CATALOGUE.exists() else None


def _write(path: Path, text: str) -> None:
    from qeff_codegen.files.whole_file import write_whole

    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another file with --output.") from error
    click.echo(f"written    {path}")
