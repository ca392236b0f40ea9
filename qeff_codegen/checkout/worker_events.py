"""What the process in the checkout's interpreter tells the one that started it: one JSON document a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from qeff_codegen.validation.results import Row, ScenarioFinished, ScenarioResult, StageStarted


@dataclass(frozen=True)
class RowsKnown:
    """The first event: every row there will be, in the order in which they run."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class CannotGoOn:
    """The last event where it is not `Done`: why nothing more can run, for a person."""

    message: str


@dataclass(frozen=True)
class Done:
    """The last event where nothing ended early."""


WorkerEvent = RowsKnown | CannotGoOn | Done | StageStarted | ScenarioFinished


def to_line(event: WorkerEvent) -> str:
    """The event as one line."""
    document: dict[str, Any] = {"event": type(event).__name__}
    if isinstance(event, RowsKnown):
        document["rows"] = [asdict(row) for row in event.rows]
    elif isinstance(event, CannotGoOn):
        document["message"] = event.message
    elif isinstance(event, StageStarted):
        document |= {"row": asdict(event.row), "stage": event.stage}
    elif isinstance(event, ScenarioFinished):
        document |= {"row": asdict(event.row), "result": event.result.as_json()}
    return json.dumps(document) + "\n"


def from_lines(lines: Iterable[str]) -> Iterable[WorkerEvent]:
    """The events of these lines.

    Raises:
        ValueError: a line is none.
    """
    for line in lines:
        document = json.loads(line)
        kind = document["event"]
        if kind == RowsKnown.__name__:
            yield RowsKnown(tuple(Row(**row) for row in document["rows"]))
        elif kind == CannotGoOn.__name__:
            yield CannotGoOn(document["message"])
        elif kind == StageStarted.__name__:
            yield StageStarted(Row(**document["row"]), document["stage"])
        elif kind == ScenarioFinished.__name__:
            yield ScenarioFinished(Row(**document["row"]), ScenarioResult.from_json(document["result"]))
        elif kind == Done.__name__:
            yield Done()
        else:
            raise ValueError(f"no event: {line}")
