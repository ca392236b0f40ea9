"""A family's result says which code was run for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qeff_codegen.checked_in.layout import modeling_path
from qeff_codegen.checked_in.manifest import text_sha256
from qeff_codegen.coverage.family_result import REFUSED
from qeff_codegen.coverage.image_parts import ImageParts
from qeff_codegen.coverage.swept import IMAGES, TEXT
from qeff_codegen.coverage.swept_code import code_of
from qeff_codegen.examples.blueprint.configuration_blueprint import BlueprintConfig
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.sweep import family
from qeff_codegen.upstream.find import find_model
from qeff_codegen.validation.image_plan import ImagePlan


def test_the_code_that_ran_is_kept_by_its_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SimpleNamespace(run=lambda: [], family=SimpleNamespace(config_class=BlueprintConfig))
    monkeypatch.setattr(family, "plan_of", lambda *_: plan)
    result = family.sweep_family("blueprint", TEXT, 3, tmp_path)
    assert result.code == code_of(generate_model(find_model("blueprint")))
    assert result.code.generated_sha256 == text_sha256(modeling_path(tmp_path, "blueprint").read_text("utf-8"))


def test_of_a_refused_family_nothing_ran(tmp_path: Path) -> None:
    result = family.sweep_family("rwkv", TEXT, 3, tmp_path)
    assert (result.state, result.code) == (REFUSED, None)


def test_a_causal_lm_whose_images_are_refused_is_refused_as_an_image_text_model(tmp_path: Path) -> None:
    result = family.sweep_family("qwen3_5", IMAGES, 3, tmp_path)
    assert (result.state, result.rule) == (REFUSED, "image_text")
    assert "positions of several kinds" in result.reason and "modeling_qwen3_5.py:" in result.place


def test_a_name_of_both_tables_is_swept_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[str] = []

    class Planned(Exception):
        """Stands for a plan, which is not run."""

    def plan(of: str) -> Any:
        def made(*_: Any) -> Any:
            planned.append(of)
            raise Planned

        return made

    monkeypatch.setattr(family, "plan_for", plan("causal LM"))
    monkeypatch.setattr(family, "plan_of", plan("programs"))
    for task in (TEXT, IMAGES):
        (tmp_path / task).mkdir()
        with pytest.raises(Planned):
            family.sweep_family("llama4", task, 3, tmp_path / task)
    assert planned == ["causal LM", "programs"]


def test_what_an_image_text_model_is_made_of_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImagePlan, "run", lambda self: iter(()))
    result = family.sweep_family("paligemma", IMAGES, 3, tmp_path)
    assert result.images == ImageParts("siglip_vision_model", "gemma", ())
    # The text models of all of its variants are there to be run.
    assert modeling_path(tmp_path, "gemma2").is_file() and modeling_path(tmp_path, "gemma").is_file()
