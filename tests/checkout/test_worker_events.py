"""What one process says, the other hears."""

from __future__ import annotations

import math

import pytest

from qeff_codegen.checkout.worker_events import CannotGoOn, Done, RowsKnown, WorkerEvent, from_lines, to_line
from qeff_codegen.validation.results import Row, ScenarioFinished, ScenarioResult, StageResult, StageStarted

ROW = Row("pear", "base", "ragged batch")
RESULT = ScenarioResult("pear", "base", "ragged batch", 0, 1e-4, 0.5, 1.0, (StageResult(2, "equal", 1e-6),), ("note",))
EVENTS: list[WorkerEvent] = [
    RowsKnown((ROW,)),
    StageStarted(ROW, 2),
    ScenarioFinished(ROW, RESULT),
    CannotGoOn("two\nlines"),
    Done(),
]


def test_every_event_is_one_line_and_comes_back() -> None:
    lines = [to_line(event) for event in EVENTS]
    assert all(line.count("\n") == 1 for line in lines)
    assert list(from_lines(lines)) == EVENTS


def test_an_infinite_difference_comes_back_as_none() -> None:
    result = ScenarioResult("pear", "base", "x", 0, 1, 1, 1, (StageResult(2, "different", math.inf),))
    (event,) = from_lines([to_line(ScenarioFinished(ROW, result))])
    assert isinstance(event, ScenarioFinished)
    assert event.result.stages[0].max_difference is None


def test_what_is_no_event_is_an_error() -> None:
    with pytest.raises(ValueError, match="no event"):
        list(from_lines(['{"event": "Rain"}\n']))
