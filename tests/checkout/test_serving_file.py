"""A family's modeling file is found through the mappings, wherever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.checkout import serving_file as serving_file_module
from qeff_codegen.checkout.checkout import TRANSFORMS
from qeff_codegen.checkout.serving_file import ServingFile, serving_file
from qeff_codegen.upstream.find import find_model
from tests.checkout.mapped_checkout import MAPPINGS, PEAR, mapped_checkout


@pytest.fixture(autouse=True)
def the_installed_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the pinned one, whose wheel may not be at hand."""
    monkeypatch.setattr(serving_file_module, "find_model", lambda name, transformers_version: find_model(name))


def test_a_file_is_found_through_the_mappings_not_by_its_folder(tmp_path: Path) -> None:
    assert serving_file(mapped_checkout(tmp_path), "pear", "5.5.4") == ServingFile(
        PEAR,
        (
            "CustomOpsTransform: PearRMSNorm -> CustomRMSNormAIC",
            "KVCacheTransform: PearAttention -> QEffPearAttention",
            "KVCacheTransform: PearForCausalLM -> QEffPearForCausalLM",
        ),
    )


def test_a_model_type_without_a_file_is_served_by_the_classes_it_shares(tmp_path: Path) -> None:
    mapped_checkout(tmp_path)
    (tmp_path / TRANSFORMS).write_text(MAPPINGS.replace(".pear.modeling_pear", ".gpt2.modeling_gpt2"), "utf-8")
    # GPT-2's classes serve it in every release.
    found = serving_file(tmp_path, "gpt-sw3", "5.5.4")
    assert found is not None
    assert found.path == PEAR


@pytest.mark.parametrize("name", ["llama", "quince"])
def test_a_family_that_is_not_mapped_is_served_by_nothing(name: str, tmp_path: Path) -> None:
    assert serving_file(mapped_checkout(tmp_path), name, "5.5.4") is None


def test_mappings_that_are_no_python_serve_nothing(tmp_path: Path) -> None:
    mapped_checkout(tmp_path)
    (tmp_path / TRANSFORMS).write_text("class", "utf-8")
    assert serving_file(tmp_path, "pear", "5.5.4") is None
