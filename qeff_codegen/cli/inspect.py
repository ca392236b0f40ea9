"""`inspect`: what is recognised in a model, where it stands, and why."""

from __future__ import annotations

from pathlib import Path

import click

from qeff_codegen.cli.source_options import source_options
from qeff_codegen.cli.tables import show_table


@click.command()
@click.argument("name")
@source_options
def inspect(name: str, transformers_version: str | None, source: Path | None, class_name: str | None) -> None:
    """Show what is recognised in NAME, where, and why."""
    from qeff_codegen.generate.one_model import inspect_model
    from qeff_codegen.upstream.find import find_model

    upstream = find_model(name, transformers_version=transformers_version, source=source, class_name=class_name)
    rows = [
        (role.role, role.name, "{}:{}".format(*upstream.place(role.line)), "; ".join(role.because))
        for role in inspect_model(upstream)
    ]
    show_table(f"{upstream.name}: recognised", ("role", "name", "where", "because"), rows)
