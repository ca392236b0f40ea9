"""What is kept of a scenario: shares of its tolerance."""

from __future__ import annotations

import math

import pytest

from qeff_codegen.coverage.scenario_margins import ScenarioMargins, margins_of, shown
from qeff_codegen.validation.results import ScenarioResult, StageResult


def result(tolerance: float | None, torch: float | None, onnx: float | None) -> ScenarioResult:
    stages = (StageResult(1, "reference"), StageResult(2, "equal", torch), StageResult(3, "equal", onnx))
    return ScenarioResult("plum", "base", "ragged batch", 0, tolerance, 0.5, 1.0, stages)


def test_shares_of_the_tolerance_in_three_digits() -> None:
    found = margins_of(result(0.003, 0.0000123456, 0.0006))
    assert found == ScenarioMargins("base", "ragged batch", 0.00412, 0.2, 167.0)


@pytest.mark.parametrize("tolerance", [None, 0.0])
def test_without_a_tolerance_there_are_none(tolerance: float | None) -> None:
    assert margins_of(result(tolerance, 0.1, 0.1)) == ScenarioMargins("base", "ragged batch", None, None, None)


@pytest.mark.parametrize("value", [None, math.inf, math.nan])
def test_what_is_no_number_is_none(value: float | None) -> None:
    assert margins_of(result(0.1, value, 0.01)).torch is None


@pytest.mark.parametrize(("share", "text"), [(None, "not run"), (0.0, "0"), (0.0393, "0.039"), (12.0, "12")])
def test_a_share_as_a_reader_sees_it(share: float | None, text: str) -> None:
    assert shown(share) == text
