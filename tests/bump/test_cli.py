"""`bump` as its users call it: what is printed and written, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import Result

from qeff_codegen.bump.comparison import Bump
from qeff_codegen.coverage.family_result import MISMATCH, SUPPORTED, FamilyResult
from tests.cli.conftest import run as run
from tests.json_schemas import faults, schemas

PIN = '[project.optional-dependencies]\nrun = ["transformers==1.0.0"]\n'
LOST = ("--drop", "fig", "--drop", "kiwi", "--drop", "olive", "--drop", "quince")
Run = Callable[..., Result]


@pytest.fixture
def project(run: Run, bump: Bump, generated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project at release 1.0.0, in which the comparison with 2.0.0 is known already."""
    (generated.parent / "pyproject.toml").write_text(PIN)
    monkeypatch.setattr("qeff_codegen.bump.compare.compare", lambda *_: bump)
    return generated.parent


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """States by family, as validation will find them; all others are supported."""
    states: dict[str, str] = {}

    def run_stages(
        families: Sequence[str], version: str, python: Path, work: Path, jobs: int
    ) -> dict[str, FamilyResult]:
        assert (version, python, work) == ("2.0.0", Path("python of 2.0.0"), Path("build/bump/2.0.0"))
        return {name: FamilyResult(name, states.get(name, SUPPORTED), reason="because", stages=3) for name in families}

    monkeypatch.setattr("qeff_codegen.bump.stages.run_stages", run_stages)
    monkeypatch.setattr("qeff_codegen.environments.release.release_python", lambda name: Path(f"python of {name}"))
    return states


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_summary_counts_and_names_what_is_lost(run: Run, project: Path) -> None:
    before = contents(project)
    outcome = run("bump", "2.0.0")
    lines = outcome.stdout.splitlines()
    assert lines[:4] == [
        "From transformers 1.0.0 to 2.0.0",
        "  outcome                            packages  families",
        "  refused now                        1         1",
        "  gone or renamed upstream           3         3",
    ]
    assert lines[-4].startswith("refused now: fig: anatomy: no attention of `FigAttention` updates a KV cache (")
    assert lines[-3] == "gone or renamed upstream: kiwi: its causal LM KiwiForCausalLM is now that of `kiwano`"
    assert outcome.exit_code == 1
    assert contents(project) == before


def test_reports_in_files_and_on_standard_output(run: Run, project: Path) -> None:
    for name, start in (("a.html", "<!DOCTYPE html>"), ("a.md", "# From"), ("deep/a.json", "{")):
        outcome = run("bump", "2.0.0", "--report", name)
        assert outcome.stdout.splitlines()[-1] == f"written    {name}"
        assert (project / name).read_text().startswith(start)
    printed = run("bump", "2.0.0", "--format", "json")
    assert printed.stdout == (project / "deep/a.json").read_text()
    assert json.loads(printed.stdout)["to"] == "2.0.0"
    assert list(faults(json.loads(printed.stdout), schemas()["bump"])) == []


def test_nothing_is_written_while_something_is_undecided(run: Run, project: Path) -> None:
    before = contents(project)
    outcome = run("bump", "2.0.0", "--write", "--drop", "fig", "--drop", "kiwi")
    assert outcome.exit_code == 1
    assert "\nError: Nothing is written. Before transformers 2.0.0 is taken over" in outcome.stderr
    assert "fig" not in outcome.stderr
    assert contents(project) == before


def test_written_when_everything_is_decided(run: Run, project: Path) -> None:
    outcome = run("bump", "2.0.0", "--write", *LOST)
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert "refused now, given up: fig: anatomy: " in outcome.stdout
    assert "written    generated/plum/modeling_plum.py" in lines
    assert "written    pyproject.toml" in lines
    assert lines[-5:-1] == ["dropped    fig", "dropped    kiwi", "dropped    olive", "dropped    quince"]
    assert "transformers==2.0.0" in (project / "pyproject.toml").read_text()


def test_a_mismatch_is_in_the_way(run: Run, project: Path, stages: dict[str, str]) -> None:
    before = contents(project)
    stages["plum"] = MISMATCH
    outcome = run("bump", "2.0.0", "--write", "--validate", *LOST)
    assert outcome.exit_code == 1
    assert "  mismatch: plum: because\n" in outcome.stderr
    assert contents(project) == before


def test_what_stands_in_the_way_is_said_before_validation(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("validation began")

    monkeypatch.setattr("qeff_codegen.environments.release.release_python", unexpected)
    assert "these must be settled" in run("bump", "2.0.0", "--write", "--validate").stderr
    (project / "pyproject.toml").write_text("[project]\n")
    assert "pyproject.toml must require" in run("bump", "2.0.0", "--write", "--validate", *LOST).stderr


def test_new_models_are_added_when_they_are_equal_to_upstream(run: Run, project: Path, stages: dict[str, str]) -> None:
    stages["date"] = MISMATCH
    outcome = run("bump", "2.0.0", "--write", "--validate", "--add-new", *LOST)
    lines = outcome.stdout.splitlines()
    assert "mismatch: date: because" in lines
    assert "not added  date: it is not equal to upstream for all of its families" in lines
    folders = {path.name for path in (project / "generated").iterdir() if path.is_dir()}
    assert folders == {"apple", "blueprint", "kiwano", "lemon", "lime", "mango", "pear", "plum"}
    # Written, and yet the tool is wrong about a model.
    assert outcome.exit_code == 1


def test_new_models_wait_until_they_are_asked_for(run: Run, project: Path, stages: dict[str, str]) -> None:
    stages["date"] = MISMATCH
    outcome = run("bump", "2.0.0", "--write", "--validate", *LOST)
    assert outcome.exit_code == 0
    assert not (project / "generated" / "mango").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drop", "fig"), "--drop says what --write may remove: give both."),
        (("--add-new",), "--add-new adds what is equal to upstream, which --validate finds out: give both."),
        (("--write", "--format", "json"), "the report needs a file: give --report FILE."),
        (("--report", "a.txt"), "a.txt: name a report *.html, *.md, *.json, or give --format."),
        (("--write", "--drop", "apple"), "no checked-in family of this name is refused or gone at 2.0.0."),
    ],
)
def test_misuse(run: Run, project: Path, arguments: tuple[str, ...], message: str) -> None:
    before = contents(project)
    outcome = run("bump", "2.0.0", *arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert contents(project) == before


def test_a_word_that_is_no_version(run: Run, generated: Path) -> None:
    outcome = run("bump", "newest")
    assert outcome.exit_code == 2
    assert "\nError: `newest` is not a version of transformers." in outcome.stderr


def test_a_folder_without_a_project(run: Run, tmp_path: Path) -> None:
    outcome = run("bump", "5.5.4")
    assert outcome.exit_code == 2
    assert "generated has no model from a transformers release" in outcome.stderr
