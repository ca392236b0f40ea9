"""A plan runs every scenario of every variant it announces, whatever upstream's code does."""

from __future__ import annotations

from typing import Any

import pytest

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.tiny_models.configurations import Variant, variants
from qeff_codegen.tiny_models.families import Family
from qeff_codegen.validation import family_plan
from qeff_codegen.validation.family_plan import Plan, plan_for
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.results import Row, ScenarioFinished, StageStarted
from qeff_codegen.validation.subjects import Subject
from tests.validation.conftest import MistralTransform

RUNTIME = OwnRuntime(GeneratedTransforms((MistralTransform,)))
BASE_SCENARIOS = ["ragged batch", "chunked prefill", "end of context", "continuous batching"]
WINDOW_SCENARIOS = ["window < context", "window < context, rows reused"]


def named(family: Family, *names: str) -> tuple[Variant, ...]:
    return tuple(variant for variant in variants(family) if variant.name in names)


def test_rows_are_all_scenarios_of_all_variants_in_order(mistral_family: Family) -> None:
    plan = plan_for(mistral_family, RUNTIME)
    rows = list(plan.rows())
    assert list(dict.fromkeys(row.variant for row in rows)) == [variant.name for variant in variants(mistral_family)]
    assert [row.scenario for row in rows if row.variant == "base"] == BASE_SCENARIOS
    assert [row.scenario for row in rows if row.variant == "window"] == WINDOW_SCENARIOS
    assert {row.model for row in rows} == {"mistral"}


def test_what_is_announced_is_what_finishes(
    mistral_family: Family, window_subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family_plan, "tiny_subject", lambda family, variant: window_subject)
    plan = Plan(mistral_family, RUNTIME, named(mistral_family, "window"), last_stage=2)
    events = list(plan.run())
    assert [(type(event), getattr(event, "stage", None)) for event in events] == [
        (StageStarted, 1),
        (StageStarted, 1),
        (StageStarted, 2),
        (ScenarioFinished, None),
    ]
    # The subject has the first scenario alone.
    first, second = plan.rows()
    assert [event.row for event in events] == [first, second, first, first]


def test_after_the_last_stage_nothing_is_run_and_nothing_is_equal(
    mistral_family: Family, window_subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family_plan, "tiny_subject", lambda family, variant: window_subject)
    plan = Plan(mistral_family, RUNTIME, named(mistral_family, "window"), last_stage=2)
    (result,) = (event.result for event in plan.run() if isinstance(event, ScenarioFinished))
    assert [(stage.status, stage.detail) for stage in result.stages[:3]] == [
        ("reference", ""),
        ("equal", ""),
        ("not run", "not asked for"),
    ]
    assert not result.passed


def test_a_variant_that_upstream_cannot_run_fails_in_every_scenario_and_the_next_one_runs(
    mistral_family: Family, window_subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def subject(family: Family, variant: Variant) -> Any:
        if variant.name == "base":
            raise ArithmeticError("upstream's own")
        return window_subject

    monkeypatch.setattr(family_plan, "tiny_subject", subject)
    plan = Plan(mistral_family, RUNTIME, named(mistral_family, "base", "window"), last_stage=2)
    events = [event for event in plan.run() if isinstance(event, ScenarioFinished)]
    assert [event.row for event in events] == list(plan.rows())[:-1], "each once"
    finished = {event.row: event.result for event in events}
    for scenario in BASE_SCENARIOS:
        result = finished[Row("mistral", "base", scenario)]
        assert [stage.status for stage in result.stages] == ["failed", "not run", "not run", "not run"]
        assert result.stages[0].detail.startswith("ArithmeticError: upstream's own\nat test_family_plan.py:")
        assert (result.scenario, result.tolerance, result.passed) == (scenario, None, False)
    assert finished[Row("mistral", "window", "window < context")].stages[1].status == "equal"
