"""Taking a release over: what must be settled first, what is written, and that it is all or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from qeff_codegen.bump.comparison import Bump
from qeff_codegen.bump.decisions import Decisions, check_drops, kept_models, new_models, undecided
from qeff_codegen.bump.take_over import take_over
from qeff_codegen.coverage.family_result import FAILED, MISMATCH, SUPPORTED, FamilyResult
from qeff_codegen.emit.write import WriteReport
from qeff_codegen.errors import DifferencesError, UsageError
from tests.bump.releases import NEW

PIN = '[project.optional-dependencies]\nrun = ["transformers==1.0.0"]\n'
LOST = ("fig", "kiwi", "olive", "quince")


@pytest.fixture
def pyproject(tmp_path: Path) -> Path:
    path = tmp_path / "pyproject.toml"
    path.write_text(PIN)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def results(**states: str) -> dict[str, FamilyResult]:
    return {family: FamilyResult(family, state, reason="because") for family, state in states.items()}


def test_what_is_lost_must_be_given_up_one_by_one(bump: Bump, generated: Path, pyproject: Path) -> None:
    before = contents(generated.parent)
    with pytest.raises(DifferencesError) as error:
        take_over(bump, Decisions(("kiwi", "quince")), (), generated, pyproject)
    lines = str(error.value).splitlines()
    assert lines[0] == "Nothing is written. Before transformers 2.0.0 is taken over, these must be settled:"
    assert lines[1].startswith("  refused now: fig: anatomy: no attention of `FigAttention` updates a KV cache (")
    assert lines[2] == ("  gone or renamed upstream: olive: no model type there; OliveForCausalLM is defined nowhere")
    assert lines[3] == (
        "Mend the rules, or give up with --drop NAME what is refused or gone. "
        "Without --write, --report FILE shows every diff."
    )
    assert contents(generated.parent) == before


def test_everything_is_taken_over_together(bump: Bump, generated: Path, pyproject: Path) -> None:
    blueprint = json.loads((generated / "manifest.json").read_text())["models"]["blueprint"]
    report = take_over(bump, Decisions(LOST), (), generated, pyproject)
    assert isinstance(report, WriteReport)
    assert report.dropped == LOST
    record = json.loads((generated / "manifest.json").read_text())["models"]
    releases = {name: entry["transformers_version"] for name, entry in record.items()}
    assert releases == {"blueprint": None, **dict.fromkeys(("apple", "lemon", "lime", "pear", "plum"), NEW)}
    assert record["blueprint"] == blueprint
    assert record["lime"]["families"] == ["lime"]
    folders = {path.name for path in generated.iterdir() if path.is_dir()}
    assert folders == {"apple", "blueprint", "lemon", "lime", "pear", "plum"}
    mapping = (generated / "pytorch_transforms.py").read_text()
    assert "QEffLemonAttention" in mapping
    assert "QEffFigAttention" not in mapping
    assert "# <script>alert(1)</script> & more" in (generated / "plum/modeling_plum.py").read_text()
    assert pyproject.read_text() == PIN.replace("1.0.0", NEW)


def test_a_file_whose_code_is_the_same_is_not_touched(bump: Bump, generated: Path, pyproject: Path) -> None:
    report = take_over(bump, Decisions(LOST), (), generated, pyproject)
    written = {str(path.relative_to(generated.parent)) for path in report.written}
    assert written == {
        "generated/lemon/__init__.py",
        "generated/lemon/modeling_lemon.py",
        "generated/manifest.json",
        "generated/plum/modeling_plum.py",
        "generated/pytorch_transforms.py",
        "pyproject.toml",
    }


def test_without_a_pin_nothing_is_written(bump: Bump, generated: Path, pyproject: Path) -> None:
    pyproject.write_text("[project]\n")
    before = contents(generated.parent)
    with pytest.raises(UsageError, match="must require `transformers==VERSION` once"):
        take_over(bump, Decisions(LOST), (), generated, pyproject)
    assert contents(generated.parent) == before


def test_a_file_that_cannot_be_written_leaves_all_as_it_was(
    bump: Bump, generated: Path, pyproject: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(generated.parent)
    replace = os.replace

    def no_pin(source: Path, target: Path) -> None:
        if target == pyproject and source.read_text() != PIN:
            raise OSError(13, "Permission denied", str(target))
        replace(source, target)

    monkeypatch.setattr("os.replace", no_pin)
    with pytest.raises(UsageError, match="pyproject.toml cannot be written: Permission denied"):
        take_over(bump, Decisions(LOST), (), generated, pyproject)
    assert contents(generated.parent) == before
    assert not (generated / "lemon").exists()


def test_a_model_that_differs_from_upstream_is_in_the_way(bump: Bump) -> None:
    stages = results(apple=SUPPORTED, pear=MISMATCH, plum=FAILED, mango=MISMATCH)
    assert undecided(bump, Decisions(LOST, stages)) == ("mismatch: pear: because", "failed: plum: because")


def test_a_new_model_is_added_when_all_its_families_passed(bump: Bump, generated: Path, pyproject: Path) -> None:
    assert [model.name for model in kept_models(bump)] == ["apple", "lemon", "lime", "pear", "plum"]
    new = new_models(bump)
    assert [model.name for model in new] == ["date", "kiwano", "mango"]
    decisions = Decisions(LOST, results(mango=SUPPORTED, date=MISMATCH))
    added = [model for model in new if decisions.passed(model)]
    assert [model.name for model in added] == ["mango"]
    take_over(bump, decisions, added, generated, pyproject)
    assert (generated / "mango" / "modeling_mango.py").is_file()
    assert not (generated / "kiwano").exists()


def test_only_what_is_lost_can_be_given_up(bump: Bump) -> None:
    check_drops(bump, LOST)
    with pytest.raises(UsageError) as error:
        check_drops(bump, ["fig", "apple"])
    assert str(error.value) == (
        "--drop apple: no checked-in family of this name is refused or gone at 2.0.0.\n"
        "Those that are: fig, kiwi, olive, quince."
    )
