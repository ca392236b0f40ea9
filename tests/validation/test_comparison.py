"""The comparison sees what it must see, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from qeff_codegen.validation.comparison import Trace, compare, distinguishes, min_margin, tolerance_for


def trace(*prompts: list[list[float]]) -> Trace:
    return Trace(tuple(np.array(steps, dtype=np.float32) for steps in prompts))


REFERENCE = trace([[3.0, 1.0, -2.0], [0.0, 4.0, -1.0]], [[1.0, 2.0, 5.0]])


def shifted(prompt: int, step: int, token: int, by: float) -> Trace:
    logits = tuple(steps.copy() for steps in REFERENCE.logits)
    logits[prompt][step, token] += by
    return Trace(logits)


def test_the_same_run_is_equal() -> None:
    outcome = compare(REFERENCE, REFERENCE)
    assert outcome.equal
    assert outcome.max_difference == 0.0


def test_half_the_tolerance_is_equal_and_reported() -> None:
    tolerance = tolerance_for(REFERENCE)
    outcome = compare(REFERENCE, shifted(0, 1, 2, tolerance / 2))
    assert outcome.equal
    assert outcome.max_difference == pytest.approx(tolerance / 2, rel=1e-2)


def test_twice_the_tolerance_differs_although_the_tokens_are_the_same() -> None:
    outcome = compare(REFERENCE, shifted(0, 1, 2, 2 * tolerance_for(REFERENCE)))
    assert outcome.divergence is not None
    assert (outcome.divergence.prompt, outcome.divergence.step) == (0, 1)
    assert "same token" in str(outcome.divergence)


def test_the_earliest_step_is_reported_whatever_the_prompt() -> None:
    both = shifted(0, 1, 0, 9.0)
    both.logits[1][0, 0] += 9.0
    outcome = compare(REFERENCE, both)
    assert outcome.divergence is not None
    assert str(outcome.divergence) == "prompt 1, step 0: token 0 instead of 2, logits differ by 9"


def test_nan_is_a_difference() -> None:
    outcome = compare(REFERENCE, shifted(1, 0, 0, float("nan")))
    assert outcome.divergence is not None
    assert outcome.max_difference == float("inf")


def test_runs_of_other_lengths_are_not_comparable() -> None:
    with pytest.raises(ValueError, match="different numbers of prompts, steps or logits"):
        compare(REFERENCE, Trace(REFERENCE.logits[:1]))


def test_tokens_are_the_largest_logits() -> None:
    assert REFERENCE.tokens == [[0, 1], [2]]


def test_a_tie_cannot_be_distinguished() -> None:
    tie = trace([[3.0, 3.0, -2.0]], [[1.0, 2.0, 5.0]])
    assert min_margin(tie) == 0.0
    assert not distinguishes(tie)
    assert min_margin(REFERENCE) == 2.0
    assert distinguishes(REFERENCE)
