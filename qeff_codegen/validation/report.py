"""Showing validation as it runs: a live table on a terminal, plain lines into a pipe."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from qeff_codegen.validation.marks import (
    HEADINGS,
    MARKS,
    in_full,
    largest,
    legend,
    name_of,
    plain_heading,
    plain_row,
)
from qeff_codegen.validation.results import (
    DIFFERENT,
    EQUAL,
    FAILED,
    NOT_RUN,
    PREFLIGHT_FAILED,
    STAGE_NAMES,
    Row,
    ScenarioFinished,
    ScenarioResult,
    StageResult,
    StageStarted,
)

_STYLES = {EQUAL: "green", DIFFERENT: "bold red", FAILED: "bold red", PREFLIGHT_FAILED: "bold red", NOT_RUN: "dim"}


class Reporter(Protocol):
    """What the command needs of a way to show progress."""

    def show(self, event: StageStarted | ScenarioFinished) -> None:
        """Take note of `event`."""


class PlainReporter:
    """One short line per finished scenario, below its model's name."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._model = ""

    def show(self, event: StageStarted | ScenarioFinished) -> None:
        """Print finished scenarios."""
        if isinstance(event, ScenarioFinished):
            if event.row.model != self._model:
                self._model = event.row.model
                _print(self._console, f"{self._model}\n{plain_heading()}")
            _print(self._console, plain_row(event.result))


class LiveReporter:
    """One table per model, redrawn as its stages start and finish; a table of all models could outgrow the screen."""

    def __init__(self, console: Console, rows: Iterable[Row], clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._waiting = [list(group) for _, group in groupby(rows, key=lambda row: row.model)]
        self._live: Live | None = None
        self._table = _LiveTable([], clock)

    def show(self, event: StageStarted | ScenarioFinished) -> None:
        """Update the row of `event`."""
        if event.row not in self._table.results:
            self.close()
            self._table = _LiveTable(self._waiting.pop(0), self._clock)
            self._live = Live(self._table, console=self._console, refresh_per_second=8)
            self._live.start()
        self._table.show(event)

    def close(self) -> None:
        """Leave the current table on the screen as it is."""
        if self._live is not None:
            self._table.is_finished = True
            self._live.stop()
            self._live = None


class _LiveTable:
    def __init__(self, rows: list[Row], clock: Callable[[], float]) -> None:
        self.results: dict[Row, ScenarioResult | None] = dict.fromkeys(rows)
        self.is_finished = False
        self._running: dict[Row, int] = {}
        self._spinner = Spinner("line")
        self._clock = clock
        self._started = clock()

    def show(self, event: StageStarted | ScenarioFinished) -> None:
        if isinstance(event, ScenarioFinished):
            self.results[event.row] = event.result
        else:
            self._running[event.row] = event.stage

    def __rich__(self) -> Group:
        table = Table(box=None, pad_edge=False)
        *stages, number, name = HEADINGS
        for stage in stages:
            table.add_column(stage, no_wrap=True)
        table.add_column(number, justify="right", no_wrap=True)
        # Where the terminal is narrow this column gives way. While rows change, each is one line, cut off if need be.
        table.add_column(name)
        for row, result in self.results.items():
            found = "" if result is None else largest(result)
            text = Text(name_of(row)) if self.is_finished else Text(name_of(row), no_wrap=True, overflow="ellipsis")
            table.add_row(*self._stage_cells(row, result), found, text)
        # A table wraps its title within its own width.
        return Group(Text(self._title(), "bold"), table)

    def _title(self) -> str:
        """How far it is, and about how long the rest takes if it takes as long."""
        done = sum(result is not None for result in self.results.values())
        model = next((row.model for row in self.results), "")
        left = len(self.results) - done
        seconds = (self._clock() - self._started) / done * left if done else 0
        rest = f", about {seconds:.0f} s left" if seconds else ""
        return f"{model}: {done} of {len(self.results)} scenarios{rest}"

    def _stage_cells(self, row: Row, result: ScenarioResult | None) -> list[str | Spinner]:
        if result is not None:
            return [_styled(stage) for stage in result.stages]
        running = self._running.get(row, 0)
        return [self._spinner if stage == running else "" for stage in STAGE_NAMES]


@contextmanager
def reporting(
    console: Console, rows: Iterable[Row], clock: Callable[[], float] = time.monotonic
) -> Iterator[Reporter]:
    """The reporter that suits `console`: live on a terminal, plain lines elsewhere.

    Args:
        console: where to show progress.
        rows: every row there will be, in the order in which they run.
        clock: gives seconds, for how long the rest takes.
    """
    if not console.is_terminal:
        yield PlainReporter(console)
        return
    reporter = LiveReporter(console, rows, clock)
    try:
        yield reporter
    finally:
        reporter.close()


def shown(
    console: Console, rows: Iterable[Row], events: Iterable[StageStarted | ScenarioFinished], in_detail: bool = False
) -> tuple[ScenarioResult, ...]:
    """Show every event as it happens, then what the results say; returns them.

    Args:
        in_detail: also show all that was measured in each scenario.
    """
    results = []
    with reporting(console, rows) as reporter:
        for event in events:
            reporter.show(event)
            if isinstance(event, ScenarioFinished):
                results.append(event.result)
    _print(console, legend(results))
    for result in results if in_detail else ():
        _print(console, in_full(result))
    for result in results:
        if said := texts(result):
            _print(console, said.removesuffix("\n"))
    _print(console, summary(results))
    return tuple(results)


def texts(result: ScenarioResult) -> str:
    """Each prompt with what every stage answered, for results that have text; empty for the others."""
    lines = []
    for row, prompt in enumerate(result.prompts):
        lines.append(f"Prompt: {prompt}")
        answers = [(stage.stage, stage.texts[row]) for stage in result.stages if stage.texts]
        lines += [f"  Stage {stage} ({STAGE_NAMES[stage]}): {text!r}" for stage, text in answers]
        same = len({text for _, text in answers}) == 1
        lines.append(f"  {'same text' if same else 'DIFFERENT TEXT'} in {len(answers)} stages")
    return "".join(f"{line}\n" for line in lines)


def summary(results: list[ScenarioResult]) -> str:
    """The closing lines: what is equal, how sure that is, every mismatch in full, what was not run."""
    equal = [result for result in results if result.equal]
    lines = _defects(results)
    lines += sorted({f"Note: {note}" for result in results for note in result.notes})
    lines.append(f"Stages 1 to 3 equal in {len(equal)} of {len(results)} scenarios.")
    margins = [
        (result.min_margin / result.tolerance, result)
        for result in results
        if result.min_margin is not None and result.tolerance is not None
    ]
    if margins:
        ratio, closest = min(margins, key=lambda margin: margin[0])
        lines.append(
            f"Closest greedy choice: the two best logits are {ratio:.3g} tolerances apart "
            f"({closest.model}, {closest.variant}, {closest.scenario})."
        )
    differences = [
        stage.max_difference / result.tolerance
        for result in results
        for stage in result.stages
        if stage.status == EQUAL and stage.max_difference is not None and result.tolerance is not None
    ]
    if differences:
        lines.append(f"Largest logit difference where equal: {max(differences):.2g} of the tolerance.")
    lines += _device_lines(results)
    return "\n".join(lines)


def _defects(results: list[ScenarioResult]) -> list[str]:
    """Every stage that is wrong, in full; scenarios that share a graph share what preflight says of it."""
    places: dict[tuple[int, str, str], list[str]] = {}
    for result in results:
        for stage in result.stages:
            if stage.status in (DIFFERENT, FAILED, PREFLIGHT_FAILED):
                place = f"{result.model}, {result.variant}, {result.scenario}"
                places.setdefault((stage.stage, stage.status, stage.detail), []).append(place)
    return [
        f"{'; '.join(where)}: Stage {number} ({STAGE_NAMES[number]}) {status}\n{_indented(detail)}"
        for (number, status, detail), where in places.items()
    ]


def _device_lines(results: list[ScenarioResult]) -> list[str]:
    """How far Stage 4 went, and why no further."""
    device = [result.stages[-1] for result in results]
    not_run = sorted({f"Stage 4 (Cloud AI 100) not run: {each.detail}." for each in device if each.status == NOT_RUN})
    counts = Counter(each.status for each in device if each.status != NOT_RUN)
    return [
        *(
            f"Stage 4 (Cloud AI 100): {status}, in {count} of {len(results)} scenarios."
            for status, count in counts.items()
        ),
        *not_run,
    ]


def _print(console: Console, text: str) -> None:
    """Plain text: wrapped at words on a terminal, as it is everywhere else."""
    console.print(text, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def _styled(stage: StageResult) -> str:
    style, mark = _STYLES.get(stage.status), MARKS[stage.status]
    return f"[{style}]{mark}[/]" if style else mark


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
