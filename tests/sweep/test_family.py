"""A family's result says which code was run for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from qeff_codegen.checked_in.layout import modeling_path
from qeff_codegen.checked_in.manifest import text_sha256
from qeff_codegen.coverage.family_result import REFUSED
from qeff_codegen.coverage.swept import TEXT
from qeff_codegen.coverage.swept_code import code_of
from qeff_codegen.examples.blueprint.configuration_blueprint import BlueprintConfig
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.sweep import family
from qeff_codegen.upstream.find import find_model


def test_the_code_that_ran_is_kept_by_its_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SimpleNamespace(run=lambda: [], family=SimpleNamespace(config_class=BlueprintConfig))
    monkeypatch.setattr(family, "plan_of", lambda *_: plan)
    result = family.sweep_family("blueprint", TEXT, 3, tmp_path)
    assert result.code == code_of(generate_model(find_model("blueprint")))
    assert result.code.generated_sha256 == text_sha256(modeling_path(tmp_path, "blueprint").read_text("utf-8"))


def test_of_a_refused_family_nothing_ran(tmp_path: Path) -> None:
    result = family.sweep_family("rwkv", TEXT, 3, tmp_path)
    assert (result.state, result.code) == (REFUSED, None)
