"""The survey over two small releases: what is generated, what is refused, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.coverage.family_result import REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.releases import survey
from qeff_codegen.releases.kept_verdicts import KeptVerdicts
from qeff_codegen.releases.table import Release
from qeff_codegen.releases.verdict import CRASH, Verdict, judge
from qeff_codegen.upstream.find import find_model
from tests.releases.conftest import ReleaseMaker

BLUEPRINT = (files("qeff_codegen.examples.blueprint") / "modeling_blueprint.py").read_text("utf-8")
AUTO = {
    "configuration_auto.py": 'CONFIG_MAPPING_NAMES = OrderedDict([("elm", "ElmConfig"), ("oak", "OakConfig")])\n',
    "modeling_auto.py": (
        "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(\n"
        '    [("elm", "BlueprintForCausalLM"), ("oak", "OakForCausalLM"), ("lost", "LostForCausalLM")]\n)\n'
    ),
}
OTHERS = {"elm/modeling_elm.py": BLUEPRINT, "oak/modeling_oak.py": "class OakForCausalLM:\n    pass\n"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_release: ReleaseMaker) -> Callable[..., Result]:
    """Run the survey in a folder with a coverage page, over a table of two releases."""
    for version in ("5.0.0", "5.1.0"):
        make_release(version, AUTO, OTHERS)
    table = [Release(version, {}, frozenset()) for version in ("5.0.0", "5.1.0")]
    monkeypatch.setattr(survey, "load_table", lambda: table)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    swept = Swept("5.1.0", 3, (FamilyResult("oak", SUPPORTED), FamilyResult("elm", REFUSED)))
    (tmp_path / "docs" / "coverage.json").write_text(json.dumps({TEXT: swept.as_json()}))

    def call(*arguments: str) -> Result:
        return CliRunner(catch_exceptions=False).invoke(survey.main, [*arguments, "--jobs", "1"])

    return call


def test_shares_are_written_and_verdicts_are_kept(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = run()
    assert outcome.exit_code == 0
    assert outcome.stdout == (
        "5.0.0       1 of   2   50.00%\n"
        "5.1.0       1 of   2   50.00%\n"
        "written    docs/releases.md\n"
        "written    docs/releases.json\n"
    )
    page = (tmp_path / "docs" / "releases.md").read_text("utf-8")
    assert "| oak | 5.0.0 to 5.1.0 | `anatomy` |" in page
    # Two texts, which both releases share.
    assert len(KeptVerdicts(tmp_path / "build" / "releases" / "verdicts.json").load()) == 2

    def never(*_: object) -> None:
        raise AssertionError("nothing has changed")

    monkeypatch.setattr(survey, "judge_all", never)
    assert run("--release", "5.1.0").stdout == "5.1.0       1 of   2   50.00%\n"


def test_unknown_releases_and_a_missing_coverage_page(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("--release", "5.2.0")
    assert (outcome.exit_code, outcome.stderr) == (2, "Error: The table has no release 5.2.0. It has 5.0.0, 5.1.0.\n")
    (tmp_path / "docs" / "coverage.json").unlink()
    outcome = run()
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith("Run this in a checkout, after python -m qeff_codegen sweep.\n")


def test_neighbours_are_surveyed_too() -> None:
    known = ["4.57.6", "5.0.0", "5.1.0", "5.2.0"]
    assert survey.with_neighbours(known, ["5.0.0"]) == ["4.57.6", "5.0.0", "5.1.0"]
    assert survey.with_neighbours(known, ["5.2.0", "4.57.6"]) == known


def test_a_crash_of_the_engine_is_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise KeyError("role")

    monkeypatch.setattr("qeff_codegen.releases.verdict.generate_model", broken)
    verdict = judge(find_model("blueprint"))
    assert (verdict.generated, verdict.rule, verdict.reason) == (False, CRASH, "KeyError: 'role'")


def test_verdicts_count_until_the_rules_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptVerdicts(tmp_path / "made when needed" / "verdicts.json")
    assert kept.load() == {}
    verdicts = {"one": Verdict(), "two": Verdict("anatomy", "no attention", "elm.py:7")}
    kept.save(verdicts)
    assert kept.load() == verdicts
    monkeypatch.setattr("qeff_codegen.releases.kept_verdicts.surroundings", lambda: "other rules")
    assert kept.load() == {}
    kept.path.write_text("[]")
    assert kept.load() == {}
