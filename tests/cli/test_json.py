"""`--format json`: one document and nothing else, as docs/json.md describes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from qeff_codegen.cli.main import COMMANDS
from qeff_codegen.coverage.swept import TASKS, TEXT
from qeff_codegen.validation.results import Outcome, ScenarioResult, StageResult
from tests.imports import ROOT
from tests.json_schemas import faults, schemas, unknown_fields

Run = Callable[..., Result]


def document(command: str, outcome: Result) -> Any:
    """The one document on standard output, held against its schema."""
    found = json.loads(outcome.stdout)
    assert list(faults(found, schemas()[command])) == []
    assert unknown_fields(found, schemas()[command]) == set()
    return found


def test_every_command_that_reports_has_a_schema() -> None:
    assert set(schemas()) <= set(COMMANDS)
    assert set(COMMANDS) - set(schemas()) == {"apply", "review", "report", "compile", "infer"}


def test_inspect(run: Run) -> None:
    found = document("inspect", run("inspect", "blueprint", "--format", "json"))
    assert {role["role"] for role in found["roles"]} >= {"attention", "decoder layer", "model", "causal LM"}
    assert (found["obstacles"], found["rules"]) == ([], None)


def test_inspect_all(run: Run) -> None:
    outcome = run("inspect", "rwkv", "--all", "--format", "json")
    found = document("inspect", outcome)
    assert outcome.exit_code == 3
    assert found["obstacles"][0]["rule"] == "anatomy"
    assert {role["name"] for role in found["roles"]} >= {"RwkvForCausalLM", "RwkvModel", "RwkvBlock"}


def test_generate_and_check(run: Run, tmp_path: Path) -> None:
    outcome = run("blueprint", "clip", "--format", "json")
    found = document("generate", outcome)
    assert outcome.exit_code == 3
    assert [model["name"] for model in found["models"]] == ["blueprint"]
    assert "generated/blueprint/modeling_blueprint.py" in found["written"]
    assert [(failure["name"], failure["exit_code"]) for failure in found["failures"]] == [("clip", 3)]
    assert document("check", run("check", "--format", "json"))["current"] is True
    (tmp_path / "generated/blueprint/modeling_blueprint.py").unlink()
    broken = document("check", run("check", "--format", "json"))
    assert [finding["cause"] for finding in broken["findings"]] == ["missing"]


@pytest.mark.parametrize("name", ["llama", "rwkv", "lfm3"])
def test_compat(run: Run, name: str) -> None:
    assert document("compat", run("compat", name, "--format", "json"))["family"] == name


def test_validate() -> None:
    stages = (StageResult(1, "reference"), StageResult(2, "different", float("inf"), "NaN"), StageResult(3, "not run"))
    result = ScenarioResult("toy", "base", "ragged batch", 0, 1e-4, 0.1, None, (*stages, StageResult(4, "not run")))
    found = json.loads(json.dumps(Outcome((result,)).as_json()))
    assert list(faults(found, schemas()["validate"])) == []


def test_sweep() -> None:
    found = json.loads((ROOT / "docs" / "coverage.json").read_text("utf-8"))
    assert TEXT in found and set(found) <= set(TASKS)
    assert [fault for swept in found.values() for fault in faults(swept, schemas()["sweep"])] == []


def test_what_is_not_as_described_is_noticed() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"b": {"type": ["integer", "null"]}}}
    assert list(faults({"b": True}, schema)) == ["$ lacks a", "$.b is True, no ['integer', 'null']"]
    assert list(faults({"a": 1, "b": None, "c": []}, schema)) == []
    assert list(faults([1, "x"], {"items": {"enum": [1]}})) == ["$[1] is 'x', none of [1]"]
