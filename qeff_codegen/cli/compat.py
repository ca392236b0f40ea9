"""`compat`: which transformers release has a family, and what to do when the pinned one does not."""

from __future__ import annotations

import json

import click

from qeff_codegen.releases.compat import GONE, IN_PINNED, NEWER, Compat
from qeff_codegen.releases.compat import compat as answer_for
from qeff_codegen.releases.table import load_table
from qeff_codegen.upstream.pin import pinned_version


@click.command()
@click.argument("name")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def compat(name: str, style: str) -> None:
    """Say which transformers releases have NAME, against the pinned one, and what to do.

    Every minor release counts, with its last patch.
    """
    answer = answer_for(name, load_table(), pinned_version())
    click.echo(json.dumps(answer.as_json(), indent=2) if style == "json" else as_text(answer))


def as_text(answer: Compat) -> str:
    """The answer as a few lines."""
    past = answer.history
    at_pin = {IN_PINNED: "it is there", NEWER: "it is not there yet", GONE: "it is gone"}
    rows = [
        ("first", f"{past.releases[0]}, where the table begins" if past.since_table_begins else past.releases[0]),
        ("last", f"{past.last}; gone in {past.gone_in}" if past.last else f"still there in {past.releases[-1]}"),
        ("pinned", f"{answer.pinned}: {at_pin[answer.state]}"),
        *zip(("next", "or", "or"), answer.next, strict=False),
        *(("note", note) for note in answer.notes),
    ]
    return "\n".join([f"{past.family}: {past.causal_lm}", *(f"  {label:8}{text}" for label, text in rows)])
