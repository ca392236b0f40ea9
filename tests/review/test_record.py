"""What validation found is kept for this code and this source, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.emit.write import modeling_path, write_models
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model
from qeff_codegen.validation import record as module
from qeff_codegen.validation.record import ValidationRecord, keep_records, load_records, tool_sha256
from qeff_codegen.validation.results import ScenarioResult, StageResult

STAGES = (StageResult(1, "reference"), StageResult(2, "equal", 1e-6), StageResult(3, "equal", 2e-6))
RESULT = ScenarioResult("blueprint", "base", "ragged batch", 1, 0.1, 1.0, 1.0, STAGES, notes=("a note",))


def record_of(model: GeneratedModel, *results: ScenarioResult) -> ValidationRecord:
    return ValidationRecord(
        model.name,
        "5.5.4",
        model.upstream.sha256,
        module.manifest.text_sha256(model.code),
        model.mappings,
        tool_sha256(),
        results,
    )


@pytest.fixture(scope="module")
def blueprint() -> GeneratedModel:
    return generate_model(find_model("blueprint"))


@pytest.fixture
def generated(blueprint: GeneratedModel, tmp_path: Path) -> Path:
    write_models([blueprint], tmp_path / "generated", force=False, rules_sha256="rules")
    return tmp_path / "generated"


def test_what_is_kept_is_read_again(blueprint: GeneratedModel, generated: Path, tmp_path: Path) -> None:
    keep_records([RESULT], generated, tmp_path / "records")
    (record,) = load_records(blueprint, tmp_path / "records")
    assert record.results == (RESULT,) and record.passed
    assert record.family == "blueprint"


def test_other_code_or_another_source_has_no_record(
    blueprint: GeneratedModel, generated: Path, tmp_path: Path
) -> None:
    keep_records([RESULT], generated, tmp_path / "records")
    source = replace(blueprint.upstream, source=blueprint.upstream.source + "\n")
    for other in (
        replace(blueprint, code=blueprint.code + "\n"),
        replace(blueprint, upstream=source),
        replace(blueprint, mappings=blueprint.mappings[1:]),
    ):
        assert load_records(other, tmp_path / "records") == ()


def test_another_validation_has_no_record(
    blueprint: GeneratedModel, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_records([RESULT], generated, tmp_path / "records")
    monkeypatch.setattr(module, "tool_sha256", lambda: "another")
    assert load_records(blueprint, tmp_path / "records") == ()


@pytest.mark.parametrize("edited", ["modeling", "mapping"])
def test_nothing_is_kept_of_a_file_that_was_edited(
    blueprint: GeneratedModel, generated: Path, tmp_path: Path, edited: str
) -> None:
    path = modeling_path(generated, "blueprint") if edited == "modeling" else generated / "pytorch_transforms.py"
    path.write_text(path.read_text() + "# edited\n")
    keep_records([RESULT], generated, tmp_path / "records")
    assert load_records(blueprint, tmp_path / "records") == ()


def test_a_broken_record_is_none(blueprint: GeneratedModel, tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"mappings": 1}'):
        (tmp_path / "blueprint.json").write_text(text)
        assert load_records(blueprint, tmp_path) == ()


def test_a_mismatch_is_kept_as_one(blueprint: GeneratedModel, generated: Path, tmp_path: Path) -> None:
    wrong = replace(RESULT, stages=(STAGES[0], StageResult(2, "different", 3.0, "layer 0"), STAGES[2]))
    keep_records([RESULT, wrong], generated, tmp_path)
    (record,) = load_records(blueprint, tmp_path)
    assert not record.passed
