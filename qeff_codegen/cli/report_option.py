"""`--report`: a page of what a command has made, also where it ended with an error after a graph was there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qeff_codegen.cli.charts import check_charts
from qeff_codegen.errors import QEffCodegenError, UsageError

if TYPE_CHECKING:
    from qeff_codegen.deploy.auto_model import QEFFAutoModelForCausalLM
    from qeff_codegen.deploy.image_auto_model import QEFFAutoModelForImageTextToText

report_option: Any = click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page about the program: inputs and outputs, sizes by layer and specialization, times, preflight.",
)


@dataclass
class Told:
    """What a command has to say on its page.

    Attributes:
        model: what it loaded, as soon as it has.
        seconds: times of steps that the model does not take itself; those that came before its own.
        later: the same for those that came behind.
        remarks: sentences.
        commands: the compiler's.
        outcome: how it ended, and what that means.
    """

    model: QEFFAutoModelForCausalLM | QEFFAutoModelForImageTextToText | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    later: dict[str, float] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    commands: Sequence[str] = ()
    outcome: tuple[str, str] = ("", "")


@contextmanager
def reported(file: Path | None, command: str, source: str) -> Iterator[Told]:
    """Gives what is to be told; at the end the page is written, if a file is asked for and a graph was looked at.

    Raises:
        UsageError: charts cannot be drawn, or the page cannot be written.
    """
    told = Told()
    if file is None:
        yield told
        return
    check_charts("The report's", f"{command} works without it")
    try:
        yield told
    except QEffCodegenError as error:
        told.outcome = ("failed", str(error).splitlines()[0])
        _write(file, command, source, told)
        raise
    _write(file, command, source, told)


def _write(file: Path, command: str, source: str, told: Told) -> None:
    from qeff_codegen.files.whole_file import write_whole
    from qeff_codegen.program_report.page import Report, as_html, graph_of

    if told.model is None or not told.model.steps.looked_at:
        return
    steps = told.model.steps
    report = Report(
        command=command,
        model=source,
        graphs=tuple(map(graph_of, steps.looked_at)),
        seconds=told.seconds | steps.seconds | told.later,
        remarks=told.remarks,
        commands=told.commands,
        outcome=told.outcome,
        random_weights=told.model.random_weights,
    )
    try:
        write_whole(file, as_html(report))
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}. Choose another file with --report.") from error
    # Beside what a command prints, which may be a model's text.
    click.echo(f"written    {file}", err=True)
