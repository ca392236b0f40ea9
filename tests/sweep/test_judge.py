"""A mismatch beats everything; upstream that fails proves nothing; what was not run is not equal."""

from __future__ import annotations

import pytest

from qeff_codegen.coverage.family_result import FAILED, MISMATCH, SUPPORTED, UNFIT
from qeff_codegen.sweep.family import judge
from qeff_codegen.validation.results import (
    COMPILED,
    DIFFERENT,
    EQUAL,
    NOT_RUN,
    PREFLIGHT_FAILED,
    PREFLIGHT_PASSED,
    REFERENCE,
    ScenarioResult,
    StageResult,
)
from qeff_codegen.validation.results import FAILED as STAGE_FAILED


def scenario(*statuses: str, name: str = "ragged batch") -> ScenarioResult:
    stages = tuple(StageResult(number, status, detail=f"why {number}") for number, status in enumerate(statuses, 1))
    return ScenarioResult("plum", "base", name, 0, 0.1, 1.0, 1.0, stages)


EQUAL_ALL = scenario(REFERENCE, EQUAL, EQUAL, NOT_RUN)
UPSTREAM_FAILS = scenario(STAGE_FAILED, NOT_RUN, NOT_RUN, NOT_RUN)


def state(*results: ScenarioResult, last_stage: int = 3) -> str:
    return judge(results, last_stage)[0]


def test_equal_stages_are_supported() -> None:
    assert judge([EQUAL_ALL, EQUAL_ALL], 3) == (SUPPORTED, "", "")
    assert state(scenario(REFERENCE, EQUAL, NOT_RUN, NOT_RUN), last_stage=2) == SUPPORTED


@pytest.mark.parametrize(
    ("stages", "last_stage", "expected"),
    [
        ((REFERENCE, DIFFERENT, NOT_RUN), 3, MISMATCH),
        ((REFERENCE, STAGE_FAILED, NOT_RUN), 3, MISMATCH),
        ((REFERENCE, EQUAL, DIFFERENT), 3, MISMATCH),
        ((REFERENCE, EQUAL, STAGE_FAILED), 3, MISMATCH),
        ((REFERENCE, EQUAL, DIFFERENT), 2, SUPPORTED),
        ((STAGE_FAILED, NOT_RUN, NOT_RUN), 3, FAILED),
        ((STAGE_FAILED, NOT_RUN, NOT_RUN), 2, FAILED),
        ((REFERENCE, NOT_RUN, NOT_RUN), 2, FAILED),
        ((REFERENCE, EQUAL, NOT_RUN), 3, FAILED),
        ((NOT_RUN, EQUAL, EQUAL), 3, FAILED),
        # A stage that is missing, and statuses that mean nothing where they stand.
        ((REFERENCE, EQUAL), 3, FAILED),
        ((), 3, FAILED),
        ((REFERENCE, REFERENCE, REFERENCE), 3, FAILED),
        ((REFERENCE, EQUAL, "skipped"), 3, FAILED),
        ((REFERENCE, EQUAL, EQUAL, PREFLIGHT_PASSED), 3, SUPPORTED),
        ((REFERENCE, EQUAL, EQUAL, COMPILED), 3, SUPPORTED),
        ((REFERENCE, EQUAL, EQUAL, PREFLIGHT_FAILED), 3, UNFIT),
        ((REFERENCE, EQUAL, EQUAL, STAGE_FAILED), 3, UNFIT),
        ((REFERENCE, DIFFERENT, NOT_RUN, PREFLIGHT_FAILED), 3, MISMATCH),
    ],
)
def test_one_scenario_decides(stages: tuple[str, ...], last_stage: int, expected: str) -> None:
    assert state(EQUAL_ALL, scenario(*stages), EQUAL_ALL, last_stage=last_stage) == expected


def test_stages_are_known_by_number_and_not_by_place() -> None:
    shuffled = ScenarioResult("plum", "base", "x", 0, 0.1, 1.0, 1.0, EQUAL_ALL.stages[::-1])
    assert state(shuffled) == SUPPORTED


def test_a_mismatch_beats_what_could_not_be_run() -> None:
    different = scenario(REFERENCE, EQUAL, DIFFERENT, name="chunked prefill")
    assert judge([UPSTREAM_FAILS, different, EQUAL_ALL], 3) == (
        MISMATCH,
        "1 of 3 scenarios differ from upstream",
        "base, chunked prefill: Stage 3 different: why 3",
    )


def test_each_scenario_is_told_once_with_the_first_stage_that_did_not_run() -> None:
    assert judge([UPSTREAM_FAILS, UPSTREAM_FAILS, EQUAL_ALL], 3) == (
        FAILED,
        "2 of 3 scenarios could not be compared",
        "base, ragged batch: Stage 1 failed: why 1\nbase, ragged batch: Stage 1 failed: why 1",
    )


def test_nothing_run_is_nothing_proved() -> None:
    assert judge([], 3) == (FAILED, "no scenario was run", "")
