"""One scenario in one short row: a mark for each stage, and one number."""

from __future__ import annotations

import math
from collections.abc import Iterable

from qeff_codegen.validation.results import (
    COMPILED,
    DIFFERENT,
    EQUAL,
    FAILED,
    NOT_RUN,
    PREFLIGHT_FAILED,
    PREFLIGHT_PASSED,
    REFERENCE,
    STAGE_NAMES,
    Row,
    ScenarioResult,
    StageResult,
)

MARKS = {
    REFERENCE: ".",
    EQUAL: "=",
    PREFLIGHT_PASSED: "p",
    COMPILED: "c",
    NOT_RUN: "-",
    DIFFERENT: "x",
    FAILED: "!",
    PREFLIGHT_FAILED: "P",
}
# The number's column, and its heading.
LARGEST = "largest"
HEADINGS = (*map(str, STAGE_NAMES), LARGEST, "scenario")


def name_of(row: Row | ScenarioResult) -> str:
    """A scenario as its row names it, below the name of its model."""
    return f"{row.variant}, {row.scenario}"


def largest(result: ScenarioResult) -> str:
    """The largest logit difference to Stage 1 of all stages, as a part of the tolerance; `-` where none was found."""
    found = [stage.max_difference for stage in result.stages if stage.max_difference is not None]
    if not found or not result.tolerance:
        return "-"
    ratio = max(found) / result.tolerance
    return "-" if math.isinf(ratio) or math.isnan(ratio) else f"{ratio:.2g}"


def plain_row(result: ScenarioResult) -> str:
    """A row of plain text, what was found first: a narrow terminal cuts off the name alone."""
    marks = " ".join(MARKS[stage.status] for stage in result.stages)
    return f"  {marks}  {largest(result):>{len(LARGEST)}}  {name_of(result)}"


def plain_heading() -> str:
    """What stands above plain rows."""
    *stages, number, name = HEADINGS
    return f"  {' '.join(stages)}  {number}  {name}"


def legend(results: Iterable[ScenarioResult]) -> str:
    """What the headings and the marks in the rows mean."""
    statuses = {stage.status for result in results for stage in result.stages}
    marks = ", ".join(f"{mark} {status}" for status, mark in MARKS.items() if status in statuses)
    stages = ", ".join(f"{stage} {name}" for stage, name in STAGE_NAMES.items())
    return (
        f"Stages: {stages}. Marks: {marks}.\n"
        f"{LARGEST.capitalize()}: the largest logit difference to Stage 1, as a part of the tolerance."
    )


def in_full(result: ScenarioResult) -> str:
    """Everything that was measured in a scenario, in one line."""
    stages = "; ".join(f"{STAGE_NAMES[stage.stage]}: {_with_difference(stage)}" for stage in result.stages)
    measured = {
        "tolerance": result.tolerance,
        "two best logits apart by": result.min_margin,
        "context sensitivity": result.context_sensitivity,
        "seed": result.seed,
    }
    numbers = "; ".join(f"{name} {value:.3g}" for name, value in measured.items() if value is not None)
    return f"{result.model}, {name_of(result)}: {stages}" + (f"; {numbers}" if numbers else "")


def _with_difference(stage: StageResult) -> str:
    return stage.status if stage.max_difference is None else f"{stage.status} ({stage.max_difference:.1g})"
