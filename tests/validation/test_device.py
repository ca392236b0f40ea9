"""Stage 4 without a device: preflight, and compiling where there is a compiler; none of it is called equal."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.cli.validate import validate
from qeff_codegen.preflight import known_operators
from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.validation import family_plan as plan_module
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.results import ScenarioFinished, ScenarioResult
from qeff_codegen.validation.stages import run_stages
from qeff_codegen.validation.subjects import Subject
from tests.deploy.conftest import compiler
from tests.validation.conftest import MistralTransform
from tests.validation.test_cli import write_generated

__all__ = ["compiler"]


def results_of(subject: Subject) -> list[ScenarioResult]:
    events = run_stages(subject, OwnRuntime(GeneratedTransforms((MistralTransform,))))
    return [event.result for event in events if isinstance(event, ScenarioFinished)]


@pytest.fixture
def softmax_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = known_operators.known_operators() - {("", "Softmax")}
    monkeypatch.setattr(known_operators, "known_operators", lambda: fewer)


@pytest.mark.usefixtures("compiler")
def test_with_a_compiler_every_scenario_is_compiled_and_none_is_said_to_have_run(base_subject: Subject) -> None:
    for result in results_of(base_subject):
        device = result.stages[3]
        assert device.status == "compiled, not run on hardware"
        assert "qaic-compile -aic-hw " in device.detail
        assert result.passed


def test_a_compiler_that_fails_is_a_failed_stage(window_subject: Subject, compiler: Path) -> None:
    compiler.write_text("#!/bin/sh\necho no such operator >&2\nexit 7\n")
    (result,) = results_of(window_subject)
    assert result.stages[3].status == "failed"
    assert "qaic-compile ended with exit code 7: no such operator" in result.stages[3].detail
    assert result.equal and not result.passed


@pytest.mark.usefixtures("softmax_is_unknown", "compiler")
def test_a_failed_preflight_is_shown_and_nothing_is_compiled(window_subject: Subject) -> None:
    (result,) = results_of(window_subject)
    device = result.stages[3]
    assert device.status == "preflight failed"
    assert device.detail.startswith(
        "preflight failed, known operators: No known export for Cloud AI 100 has the operator of Softmax ("
    )
    assert "in model.layers.0.self_attn)" in device.detail
    assert result.equal and not result.passed


@pytest.mark.usefixtures("softmax_is_unknown")
def test_validate_ends_with_1_and_names_the_scenarios_of_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "variants", lambda family: variants(family)[:2])
    outcome = CliRunner().invoke(validate, ["mistral", "--generated", str(write_generated(tmp_path / "made_unfit"))])
    assert outcome.exit_code == 1
    assert "Stages 1 to 3 equal in 6 of 6 scenarios." in outcome.output
    assert "Stage 4 (Cloud AI 100): preflight failed, in 6 of 6 scenarios." in outcome.output
    assert (
        "mistral, base, ragged batch; mistral, base, chunked prefill; mistral, base, end of context; mistral, base, "
        "continuous batching; mistral, window, window < context; mistral, window, window < context, rows reused: "
        "Stage 4 (Cloud AI 100) preflight failed\n"
        "  preflight failed, known operators: "
    ) in outcome.output
