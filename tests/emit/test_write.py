"""Files appear whole or not at all, edits by hand survive, and the same models give the same bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qeff_codegen.emit.write import write_models
from qeff_codegen.errors import DifferencesError, UsageError
from qeff_codegen.generated_model import GeneratedModel
from tests.emit.conftest import tiny_model


def write(folder: Path, *models: GeneratedModel, force: bool = False) -> list[str]:
    report = write_models(models, folder, force=force, rules_sha256="rules")
    return [path.relative_to(folder).as_posix() for path in report.written]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_writes_the_package_the_mapping_and_the_manifest(tmp_path: Path, model: GeneratedModel) -> None:
    assert write(tmp_path, model) == [
        "__init__.py",
        "tiny/__init__.py",
        "tiny/modeling_tiny.py",
        "pytorch_transforms.py",
        "manifest.json",
    ]
    assert (tmp_path / "tiny/modeling_tiny.py").read_text() == model.code


def test_writing_again_touches_nothing(tmp_path: Path, model: GeneratedModel) -> None:
    write(tmp_path, model)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert write(tmp_path, model) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_order_of_models_does_not_matter(tmp_path: Path) -> None:
    first, second = tiny_model("apple"), tiny_model("pear")
    write(tmp_path / "together", first, second)
    write(tmp_path / "apart", second)
    write(tmp_path / "apart", first)
    assert contents(tmp_path / "together") == contents(tmp_path / "apart")


def test_a_newer_generation_replaces_an_untouched_file(tmp_path: Path, model: GeneratedModel) -> None:
    write(tmp_path, model)
    assert write(tmp_path, tiny_model(code="x = 2\n")) == ["tiny/modeling_tiny.py", "manifest.json"]


def test_an_edit_by_hand_is_kept_and_shown(tmp_path: Path, model: GeneratedModel) -> None:
    write(tmp_path, model)
    path = tmp_path / "tiny/modeling_tiny.py"
    path.write_text("x = 1  # mine\n")
    before = contents(tmp_path)
    with pytest.raises(DifferencesError) as caught:
        write(tmp_path, tiny_model(code="x = 2\n"))
    assert str(caught.value) == (
        f"{path} was edited by hand; it is left as it is.\n"
        "--- on disk\n+++ regenerated\n@@ -1 +1 @@\n-x = 1  # mine\n+x = 2\n"
        f"Put the change into a rule, or give --force to overwrite {path}."
    )
    assert contents(tmp_path) == before
    assert write(tmp_path, tiny_model(code="x = 2\n"), force=True) == ["tiny/modeling_tiny.py", "manifest.json"]


def test_a_file_that_was_never_generated_is_kept(tmp_path: Path, model: GeneratedModel) -> None:
    path = tmp_path / "tiny/modeling_tiny.py"
    path.parent.mkdir()
    path.write_text("mine\n")
    with pytest.raises(DifferencesError, match="is not in the manifest, so it was not generated"):
        write(tmp_path, model)
    assert contents(tmp_path) == {"tiny/modeling_tiny.py": b"mine\n"}


def test_an_edited_mapping_is_kept(tmp_path: Path, model: GeneratedModel) -> None:
    write(tmp_path, model)
    path = tmp_path / "pytorch_transforms.py"
    path.write_text(path.read_text() + "# mine\n")
    with pytest.raises(DifferencesError, match=r"was edited by hand; it is left as it is.*\n(.*\n)*-# mine"):
        write(tmp_path, tiny_model("pear"))
    assert "pear" not in str(contents(tmp_path))


def test_one_edited_file_stops_the_others_too(tmp_path: Path, model: GeneratedModel) -> None:
    write(tmp_path, model)
    (tmp_path / "tiny/modeling_tiny.py").write_text("mine\n")
    before = contents(tmp_path)
    with pytest.raises(DifferencesError):
        write(tmp_path, tiny_model("pear"), tiny_model(code="x = 2\n"))
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_written(tmp_path: Path, model: GeneratedModel) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(UsageError, match="file cannot be written: File exists"):
        write(blocked, model)


def test_a_failure_between_files_leaves_nothing_half_written(
    tmp_path: Path, model: GeneratedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, model)
    before = contents(tmp_path)

    def full_disk(handle: int, *_: object, **__: object) -> object:
        os.close(handle)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full_disk)
    with pytest.raises(UsageError, match="No space left on device"):
        write(tmp_path, tiny_model(code="x = 2\n"))
    assert contents(tmp_path) == before


def test_a_broken_manifest_is_said_so(tmp_path: Path, model: GeneratedModel) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UsageError, match="is not a manifest this version wrote"):
        write(tmp_path, model)
