"""The stages on a checkout's own runtime, in its own interpreter, shown as they run."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from json import JSONDecodeError
from pathlib import Path
from typing import TextIO

from rich.console import Console

from qeff_codegen.checkout.checkout import Checkout
from qeff_codegen.checkout.environment import environment_for
from qeff_codegen.checkout.worker_events import CannotGoOn, Done, RowsKnown, WorkerEvent, from_lines
from qeff_codegen.errors import UsageError
from qeff_codegen.validation.report import shown
from qeff_codegen.validation.results import Outcome, ScenarioFinished, StageStarted

_WORKER = "qeff_codegen.checkout.worker"
_LAST_WORDS = 8


def validate_in_checkout(
    names: Sequence[str], checkout: Checkout, python: Path, console: Console, in_detail: bool = False
) -> Outcome:
    """Validate each name with what serves it in `checkout`, showing progress and a summary on `console`.

    Args:
        names: model types.
        checkout: of which nothing is changed.
        python: an interpreter that has what QEfficient needs.
        console: where progress goes.
        in_detail: also show all that was measured in each scenario.

    Raises:
        UsageError: the interpreter does not suit the checkout, a name is unknown there or not served, or the
            process ended early.
    """
    with _worker(list(dict.fromkeys(names)), checkout, python) as events:
        rows = next(event.rows for event in events if isinstance(event, RowsKnown))
        return Outcome(shown(console, rows, _progress(events), in_detail))


def _progress(events: Iterator[WorkerEvent]) -> Iterator[StageStarted | ScenarioFinished]:
    return (event for event in events if isinstance(event, StageStarted | ScenarioFinished))


@contextmanager
def _worker(names: list[str], checkout: Checkout, python: Path) -> Iterator[Iterator[WorkerEvent]]:
    """The events of a process that runs the stages; it is ended, and what it wrote deleted, when they are left."""
    with tempfile.TemporaryDirectory(prefix="qeff_codegen-") as name:
        folder, root = Path(name), checkout.root.absolute()
        command = [str(python), "-W", "ignore", "-m", _WORKER, str(root), checkout.transformers]
        with (folder / "output.txt").open("w+", encoding="utf-8", errors="replace") as output:
            try:
                process = subprocess.Popen(
                    [*command, *names],
                    cwd=folder,
                    env=environment_for(root, folder),
                    stdout=subprocess.PIPE,
                    stderr=output,
                    text=True,
                    encoding="utf-8",
                )
            except OSError as error:
                raise UsageError(
                    f"{python} cannot be run: {error.strerror}.\n"
                    "Name a Python interpreter with --checkout-python or in QEFFICIENT_PYTHON."
                ) from error
            try:
                yield _events(process, output, python)
            finally:
                process.kill()
                process.wait()


def _events(process: subprocess.Popen[str], output: TextIO, python: Path) -> Iterator[WorkerEvent]:
    assert process.stdout is not None
    ended_well = False
    # A process that is killed may leave a part of a line.
    with suppress(JSONDecodeError):
        for event in from_lines(process.stdout):
            if isinstance(event, CannotGoOn):
                raise UsageError(event.message)
            yield event
            ended_well = isinstance(event, Done)
    if not ended_well:
        raise UsageError(_ended_early(process.wait(), output, python))


def _ended_early(status: int, output: TextIO, python: Path) -> str:
    output.seek(0)
    words = [line.rstrip() for line in output if line.strip()][-_LAST_WORDS:]
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    said = "".join(f"\n  {line}" for line in words) or " nothing"
    return f"{python} {how} before the stages were done. The last it said:{said}"
