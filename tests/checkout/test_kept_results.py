"""Results are shown as long as what they are of is as it was, and no longer."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from qeff_codegen.checkout import kept_results, serving_file
from qeff_codegen.checkout.checkout import TRANSFORMS, open_checkout
from qeff_codegen.checkout.kept_results import keep_results, load_results
from qeff_codegen.errors import UsageError
from qeff_codegen.validation.results import ScenarioResult, StageResult
from tests.checkout.mapped_checkout import MODELS, PEAR, mapped_checkout

STAGES = (StageResult(1, "reference"), StageResult(2, "equal", 1e-6), StageResult(3, "equal", 2e-6))
RESULT = ScenarioResult("pear", "base", "ragged batch", 0, 1e-4, 0.5, 1.0, STAGES, notes=("unpadded",))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return mapped_checkout(tmp_path / "checkout")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def test_what_is_kept_is_loaded_as_it_was(checkout: Path, folder: Path) -> None:
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    keep_results(checkout, "pear", [RESULT], folder)
    assert load_results(checkout, "pear", folder) == (RESULT,)
    assert load_results(checkout, "plum", folder) == ()
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_an_infinite_difference_is_kept_as_no_number(checkout: Path, folder: Path) -> None:
    infinite = StageResult(2, "different", math.inf, "prompt 0, step 1")
    keep_results(checkout, "pear", [ScenarioResult("pear", "base", "x", 0, 1, 1, 1, (infinite,))], folder)
    ((stage,),) = (result.stages for result in load_results(checkout, "pear", folder))
    assert (stage.status, stage.max_difference) == ("different", None)


@pytest.mark.parametrize("path", [PEAR, TRANSFORMS])
def test_a_change_of_the_file_or_of_its_mapping_ends_them(path: Path, checkout: Path, folder: Path) -> None:
    keep_results(checkout, "pear", [RESULT], folder)
    text = (checkout / path).read_text("utf-8")
    (checkout / path).write_text(text.replace("QEffPearForCausalLM", "QEffOtherForCausalLM"), "utf-8")
    assert load_results(checkout, "pear", folder) == ()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (Path("QEfficient/transformers/cache_utils.py"), "SIZE = 1\n"),
        (MODELS / "modeling_auto.py", "SIZE = 1\n"),
        (PEAR.with_name("modeling_pear_by_hand.py"), "SIZE = 1\n"),
        (TRANSFORMS, "\n\nclass Further:\n    pass\n"),
    ],
)
def test_a_change_of_what_runs_with_the_file_ends_them(path: Path, text: str, checkout: Path, folder: Path) -> None:
    keep_results(checkout, "pear", [RESULT], folder)
    with (checkout / path).open("a", encoding="utf-8") as file:
        file.write(text)
    assert load_results(checkout, "pear", folder) == ()


def test_another_pinned_release_ends_them(checkout: Path, folder: Path) -> None:
    keep_results(checkout, "pear", [RESULT], folder)
    project = checkout / "pyproject.toml"
    pinned = open_checkout(checkout).transformers
    project.write_text(project.read_text("utf-8").replace(pinned, f"{pinned}.1"), "utf-8")
    assert load_results(checkout, "pear", folder) == ()


def test_a_change_of_another_family_does_not_end_them(checkout: Path, folder: Path) -> None:
    keep_results(checkout, "pear", [RESULT], folder)
    (checkout / MODELS / "plum" / "modeling_plum.py").write_text("class QEffPlumForCausalLM: pass\n", "utf-8")
    text = (checkout / TRANSFORMS).read_text("utf-8")
    (checkout / TRANSFORMS).write_text(text.replace("QEffPlumForCausalLM", "QEffPlumLM"), "utf-8")
    assert load_results(checkout, "pear", folder) == (RESULT,)


def test_another_checkout_has_results_of_its_own(checkout: Path, folder: Path, tmp_path: Path) -> None:
    keep_results(checkout, "pear", [RESULT], folder)
    assert load_results(mapped_checkout(tmp_path / "other" / "checkout"), "pear", folder) == ()


def test_other_code_of_ours_ends_them(checkout: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_results(checkout, "pear", [RESULT], folder)
    monkeypatch.setattr(kept_results, "own_code_sha256", lambda *rooms: "other")
    assert load_results(checkout, "pear", folder) == ()


@pytest.mark.parametrize("text", ["", "[]", '{"ran": 1}', '{"results": [{}]}'])
def test_what_cannot_be_read_is_no_result(text: str, checkout: Path, folder: Path) -> None:
    keep_results(checkout, "pear", [RESULT], folder)
    (kept,) = folder.rglob("pear.json")
    kept.write_text(text, "utf-8")
    assert load_results(checkout, "pear", folder) == ()


def test_a_family_that_was_served_by_nothing_has_none_once_it_is(
    checkout: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_model(name: str, transformers_version: str) -> None:
        raise UsageError(f"no `{name}`")

    monkeypatch.setattr(serving_file, "find_model", no_such_model)
    whole = (checkout / TRANSFORMS).read_text("utf-8")
    (checkout / TRANSFORMS).write_text("", "utf-8")
    keep_results(checkout, "pear", [RESULT], folder)
    (checkout / TRANSFORMS).write_text(whole, "utf-8")
    assert load_results(checkout, "pear", folder) == ()
