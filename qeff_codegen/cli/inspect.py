"""`inspect`: what is recognised in a model, where it stands, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qeff_codegen.cli.places import place_of
from qeff_codegen.cli.source_options import source_options

if TYPE_CHECKING:
    from qeff_codegen.generated_model import RoleFound
    from qeff_codegen.upstream.source import UpstreamModel


@click.command()
@click.argument("name")
@source_options
def inspect(name: str, transformers_version: str | None, source: Path | None, class_name: str | None) -> None:
    """Show what is recognised in NAME, where, and why."""
    from qeff_codegen.generate.one_model import inspect_model
    from qeff_codegen.upstream.find import find_model

    upstream = find_model(name, transformers_version=transformers_version, source=source, class_name=class_name)
    roles = inspect_model(upstream)
    click.echo(f"{upstream.name}: recognised")
    for role in roles:
        _show(role, upstream, source)


def _show(role: RoleFound, upstream: UpstreamModel, source: Path | None) -> None:
    """A role and its class, whole on a line of their own; then the place, whole; then the reasons."""
    file, place = place_of(upstream, role.line, source)
    reasons = "; ".join(role.because)
    click.echo(f"  {role.role}: {role.name}")
    if not sys.stdout.isatty():
        click.echo(f"    {place}")
        click.echo(f"    {reasons}")
        return
    # rich takes as long to import as it takes to read a model, and is of no use in a pipe.
    from rich.console import Console
    from rich.padding import Padding
    from rich.style import Style
    from rich.text import Text

    console = Console(highlight=False)
    link = Style(link=file.as_uri()) if file is not None else Style()
    console.print(Text.assemble("    ", Text(place, link)), soft_wrap=True)
    console.print(Padding(Text(reasons), (0, 0, 0, 4)))
