"""A call's rows are traced back to their prompts."""

from __future__ import annotations

import numpy as np

from qeff_codegen.validation.calls import CallRow, CallTracker
from qeff_codegen.validation.scenarios import Scenario


def test_rows_of_a_batch() -> None:
    tracker = CallTracker(Scenario("", ((1, 2, 3), (4,)), prefill_seq_len=2, ctx_len=8, new_tokens=(2, 2)))
    assert tracker.rows(np.array([[0, 1], [0, -1]]), None) == [CallRow(0, 0, 0, 0), CallRow(1, 1, 1, 0)]
    assert tracker.rows(np.array([[2, -1], [-1, -1]]), None) == [CallRow(0, 0, 0, 0)]
    assert tracker.rows(np.array([[3], [1]]), None) == [CallRow(0, 0, 0, 1), CallRow(1, 1, 1, 1)]


def test_rows_of_continuous_batching() -> None:
    scenario = Scenario(
        "", ((1, 2), (3,), (4,)), prefill_seq_len=2, ctx_len=8, new_tokens=(3, 2, 2), full_batch_size=2
    )
    tracker = CallTracker(scenario)
    everyone = np.array([[0], [1]])
    assert tracker.rows(np.array([[0, 1]]), np.array([[0]])) == [CallRow(0, 0, 0, 0)]
    assert tracker.rows(np.array([[0, -1]]), np.array([[1]])) == [CallRow(0, 1, 1, 0)]
    assert tracker.rows(np.array([[2], [1]]), everyone) == [CallRow(0, 0, 0, 1), CallRow(1, 1, 1, 1)]
    assert tracker.rows(np.array([[0, -1]]), np.array([[1]])) == [CallRow(0, 1, 2, 0)], "the freed row is taken again"
    assert tracker.rows(np.array([[-1], [1]]), everyone) == [CallRow(1, 1, 2, 1)]
