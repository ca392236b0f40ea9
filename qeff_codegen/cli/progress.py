"""What a command says while it works, on standard error: what it is about to do, and how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

import click

_Item = TypeVar("_Item")


def say(word: str, about: str) -> None:
    """One line at once, such as `loading    smollm2`."""
    click.echo(f"{word:10} {about}", err=True)


def counted(items: Iterable[_Item], total: int, doing: str) -> Iterable[_Item]:
    """The items, with a bar on a terminal that says how many are done and how long the others take."""
    if not sys.stderr.isatty():
        return items
    # rich takes as long to import as it takes to read a model, and is of no use in a pipe.
    from rich.console import Console
    from rich.progress import track

    return track(items, doing, total, console=Console(stderr=True), transient=True)
