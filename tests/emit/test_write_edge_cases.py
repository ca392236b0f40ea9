"""What is remembered between runs: who wrote a file last, and which models are still there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from qeff_codegen.emit.write import WriteReport, write_models
from qeff_codegen.errors import DifferencesError, UsageError
from qeff_codegen.generated_model import GeneratedModel
from tests.emit.conftest import tiny_model


def write(folder: Path, *models: GeneratedModel) -> WriteReport:
    return write_models(models, folder, force=False, rules_sha256="rules")


def test_a_mapping_written_by_an_older_version_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It differs from what this version would write, and still nobody edited it."""
    with monkeypatch.context() as older:
        older.setattr("qeff_codegen.emit.mapping_file.HEADER", "# Another header.\n")
        write(tmp_path, tiny_model())
    report = write(tmp_path, tiny_model())
    assert {path.name for path in report.written} == {"pytorch_transforms.py", "manifest.json"}


def test_a_package_initializer_with_code_is_kept(tmp_path: Path) -> None:
    write(tmp_path, tiny_model())
    path = tmp_path / "tiny/__init__.py"
    path.write_text("from tiny import mine\n")
    with pytest.raises(DifferencesError) as caught:
        write(tmp_path, tiny_model(code="x = 2\n"))
    assert str(caught.value).splitlines()[0] == f"{path} was edited by hand; it is left as it is."
    assert path.read_text() == "from tiny import mine\n"


def test_all_edited_files_are_named_at_once(tmp_path: Path) -> None:
    write(tmp_path, tiny_model("apple"), tiny_model("pear"))
    paths = [tmp_path / name / f"modeling_{name}.py" for name in ("apple", "pear")]
    for path in paths:
        path.write_text("x = 'mine'\n")
    with pytest.raises(DifferencesError) as caught:
        write(tmp_path, tiny_model("apple"), tiny_model("pear"))
    assert str(caught.value) == (
        "".join(
            f"{path} was edited by hand; it is left as it is.\n"
            "--- generated\n+++ on disk\n@@ -1 +1 @@\n-x = 1\n+x = 'mine'\n"
            for path in paths
        )
        + f"Put the change into a rule, or give --force to overwrite {paths[0]}, {paths[1]}."
    )


@pytest.mark.parametrize(("text", "shown"), [("x = 1\r\n", "+x = 1\\r"), ("x = 1", "+x = 1 (no newline at the end)")])
def test_line_endings_count(tmp_path: Path, text: str, shown: str) -> None:
    write(tmp_path, tiny_model())
    (tmp_path / "tiny/modeling_tiny.py").write_bytes(text.encode())
    with pytest.raises(DifferencesError) as caught:
        write(tmp_path, tiny_model())
    assert shown in str(caught.value).splitlines()


def test_many_differences_are_cut_short(tmp_path: Path) -> None:
    write(tmp_path, tiny_model())
    (tmp_path / "tiny/modeling_tiny.py").write_text("y = 0\n" * 100)
    with pytest.raises(DifferencesError, match=r"\.\.\. and 84 more lines\n"):
        write(tmp_path, tiny_model())


def test_a_deleted_model_leaves_the_manifest_and_the_mapping(tmp_path: Path) -> None:
    write(tmp_path, tiny_model("apple"), tiny_model("pear"))
    (tmp_path / "apple/modeling_apple.py").unlink()
    assert write(tmp_path, tiny_model("pear")).dropped == ("apple",)
    mapping = (tmp_path / "pytorch_transforms.py").read_text()
    assert "pple" not in mapping + (tmp_path / "manifest.json").read_text()
    ast.parse(mapping)


def test_what_is_unchanged_is_reported(tmp_path: Path) -> None:
    write(tmp_path, tiny_model())
    report = write(tmp_path, tiny_model(code="x = 2\n"))
    assert [path.name for path in report.unchanged] == ["__init__.py", "pytorch_transforms.py"]


def test_a_failed_first_run_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "generated")

    monkeypatch.setattr("qeff_codegen.emit.write.os.replace", no_space)
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "new" / "generated", tiny_model())
    assert str(caught.value) == (
        "generated cannot be written: No space left on device.\n"
        "Nothing half-written is left. Choose another folder with --output, or make this one writable."
    )
    assert list(tmp_path.iterdir()) == []
