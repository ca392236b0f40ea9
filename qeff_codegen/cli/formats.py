"""The option by which a command that reports prints one JSON document; docs/json.md says what stands in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

json_option = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text to read, or one JSON document and nothing else on standard output: docs/json.md.",
)


def show_json(document: Mapping[str, Any]) -> None:
    """Print the one document."""
    click.echo(json.dumps(document, indent=2))
