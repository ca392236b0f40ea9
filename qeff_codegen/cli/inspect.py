"""`inspect`: what is recognised in a model, where it stands, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qeff_codegen.cli.family_names import upstream_families
from qeff_codegen.cli.formats import json_option, show_json
from qeff_codegen.cli.places import place_of
from qeff_codegen.cli.source_options import source_options
from qeff_codegen.errors import EXIT_DONE, EXIT_REFUSED

if TYPE_CHECKING:
    from qeff_codegen.generate.obstacles import Survey
    from qeff_codegen.generated_model import RoleFound
    from qeff_codegen.upstream.source import UpstreamModel


@click.command()
@click.argument("name", shell_complete=upstream_families)
@source_options
@click.option("--all", "everything", is_flag=True, help="Go on after a refusal: show all that is in the way.")
@json_option
@click.pass_context
def inspect(
    context: click.Context,
    name: str,
    transformers_version: str | None,
    source: Path | None,
    class_name: str | None,
    everything: bool,
    style: str,
) -> None:
    """Show what is recognised in NAME, where, and why.

    Exit code 0: all roles are recognised; with --all, nothing is in the way. 3: something is.
    """
    from qeff_codegen.generate.obstacles import Survey, survey
    from qeff_codegen.generate.one_model import inspect_model
    from qeff_codegen.upstream.find import find_model

    upstream = find_model(name, transformers_version=transformers_version, source=source, class_name=class_name)
    found = survey(upstream) if everything else Survey(inspect_model(upstream), (), None)
    if style == "json":
        show_json(_as_json(found, upstream, source))
    else:
        click.echo(f"{upstream.name}: recognised")
        for role in found.roles:
            _show(role, upstream, source)
        if everything:
            _show_obstacles(found, upstream.name)
    context.exit(EXIT_REFUSED if found.obstacles else EXIT_DONE)


def _show_obstacles(found: Survey, name: str) -> None:
    count = len(found.obstacles)
    click.echo(
        f"{name}: {count or 'nothing'} in the way"
        + (", and a later one may follow from an earlier" if count > 1 else "")
    )
    for obstacle in found.obstacles:
        first, *rest = str(obstacle).splitlines()
        click.echo("\n".join([f"  {first}", *(f"  {line}" for line in rest)]))
    if found.rules is not None:
        click.echo(f"{name}: {found.rules} rules would change something")
    elif found.obstacles:
        click.echo(f"{name}: rules were not tried, since it is not known who calls whom")


def _as_json(found: Survey, upstream: UpstreamModel, source: Path | None) -> dict[str, Any]:
    """The document that docs/json.md describes."""
    roles = [
        {
            "role": role.role,
            "name": role.name,
            "place": place_of(upstream, role.line, source)[1],
            "because": list(role.because),
        }
        for role in found.roles
    ]
    obstacles = [
        {
            "rule": refused.rule,
            "what": refused.what,
            "place": str(refused.location) if refused.location is not None else None,
            "expected": refused.expected,
            "next": refused.next_step,
        }
        for refused in found.obstacles
    ]
    return {"name": upstream.name, "roles": roles, "obstacles": obstacles, "rules": found.rules}


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
