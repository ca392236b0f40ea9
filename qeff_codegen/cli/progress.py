"""What a command says while it works, on standard error: what it is about to do, and how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import click

from qeff_codegen.export.written_bytes import told_of_written_bytes

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


@contextmanager
def written_bytes_shown() -> Iterator[None]:
    """While weights are written, a bar on a terminal that says how many bytes are, and how long the others take."""
    if not sys.stderr.isatty():
        yield
        return
    with ExitStack() as shown:
        bar: Any = None

        def tell(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                bar = shown.enter_context(_bar_of_bytes())
                bar.add_task("writing weights")
            bar.update(bar.task_ids[0], completed=done, total=total)
            if done == total:
                shown.close()
                bar = None

        with told_of_written_bytes(tell):
            yield


def _bar_of_bytes() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)
