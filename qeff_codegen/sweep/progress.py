"""Shows a sweep as it goes: live on a terminal, one line per family elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from qeff_codegen.coverage.family_result import FAILED, MISMATCH, REFUSED, SUPPORTED, UNFIT, FamilyResult
from qeff_codegen.sweep.workers import Finished, Started

_STYLES = {SUPPORTED: "green", REFUSED: "yellow", MISMATCH: "bold red", FAILED: "bold red", UNFIT: "bold red"}


class Reporter:
    """Prints a line for every family that is done, above a bar that names those that run."""

    def __init__(self, console: Console, progress: Progress, total: int) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("", total=total)
        self._running: list[str] = []

    def show(self, event: Started | Finished) -> None:
        """Take one event of the sweep."""
        if isinstance(event, Started):
            self._running.append(event.family)
        else:
            self._running = [family for family in self._running if family != event.result.family]
            style = _STYLES[event.result.state]
            line = escape(result_line(event.result))
            self._console.print(f"[{style}]{line}[/]", highlight=False, soft_wrap=True)
            self._progress.advance(self._task)
        self._progress.update(self._task, description=", ".join(self._running))


@contextmanager
def reporting(console: Console, total: int) -> Iterator[Reporter]:
    """A reporter for `total` families; the bar is gone when it ends, and never there in a pipe."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Reporter(console, progress, total)


def result_line(result: FamilyResult) -> str:
    """One family in one line: state, name, seconds, and why it is not supported."""
    why = ": ".join(part for part in (result.rule, result.reason) if part)
    where = f" ({result.place})" if result.place else ""
    return f"{result.state:9}  {result.family:20}  {result.seconds:5.1f} s  {why}{where}".rstrip()
