"""Stages 1 to 3 of models that are written for older releases, on the installed one as far as it can import them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.validation import family_plan
from tests.remote.conftest import Run
from tests.remote.dialects.idioms import HALVES, IDIOMS, PAIRS
from tests.remote.dialects.shale import write_shale

NOTE = "Note: Upstream's code asked `DynamicCache` for "


@pytest.fixture(autouse=True)
def base_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each family has its base variant alone, which proves that the whole way is gone."""
    monkeypatch.setattr(family_plan, "variants", lambda family: variants(family)[:1])


def validated(run: Run, folder: Path, **pieces: str) -> str:
    write_shale(folder, **pieces)
    outcome = run("shale", "--source", str(folder))
    assert outcome.exit_code == 0, outcome.output
    outcome = run("validate", "shale", "--source", str(folder), "--trust-remote-code")
    assert outcome.exit_code == 0, outcome.output
    assert "Stages 1 to 3 equal in 4 of 4 scenarios." in outcome.stdout
    return " ".join(outcome.stdout.split())


@pytest.mark.parametrize(
    ("idiom", "asked"),
    [
        ("usable_length", "`get_usable_length`, which"),
        ("legacy_cache", "`from_legacy_cache`, `get_usable_length`, `to_legacy_cache`, which"),
    ],
)
def test_a_cache_is_asked_by_older_names(run: Run, tmp_path: Path, idiom: str, asked: str) -> None:
    assert NOTE + asked in validated(run, tmp_path / "shale", **(IDIOMS[idiom] | HALVES))


def test_pairs_that_each_call_hands_back_are_kept(run: Run, tmp_path: Path) -> None:
    """A cache object instead of them could not even be indexed."""
    assert NOTE not in validated(run, tmp_path / "shale", **(PAIRS | HALVES))
