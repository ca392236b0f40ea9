"""What is remembered between runs: who wrote a file last, and which models are still there."""

from __future__ import annotations

import ast
import os
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
            "--- on disk\n+++ regenerated\n@@ -1 +1 @@\n-x = 'mine'\n+x = 1\n"
            for path in paths
        )
        + f"Put the change into a rule, or give --force to overwrite {paths[0]}, {paths[1]}."
    )


@pytest.mark.parametrize(("text", "shown"), [("x = 1\r\n", "-x = 1\\r"), ("x = 1", "-x = 1 (no newline at the end)")])
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

    monkeypatch.setattr("os.replace", no_space)
    with pytest.raises(UsageError) as caught:
        write(tmp_path / "new" / "generated", tiny_model())
    assert str(caught.value) == (
        "generated cannot be written: No space left on device.\n"
        "Nothing is changed. Choose another folder with --output, or make this one writable."
    )
    assert list(tmp_path.iterdir()) == []


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("renames", range(1, 6))
def test_a_failure_at_any_rename_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    write(tmp_path, tiny_model("apple"), tiny_model("pear"))
    before = contents(tmp_path)
    beside = tmp_path / "beside.toml"
    left = iter(range(renames - 1))
    replace = os.replace

    def fails_in_the_end(source: Path, target: Path) -> None:
        # Putting back is done with the same function, and succeeds.
        if next(left, None) is None and not fails:
            fails.append(target)
            raise OSError(30, "Read-only file system", str(target))
        replace(source, target)

    fails: list[Path] = []
    with (
        monkeypatch.context() as patch,
        pytest.raises(UsageError, match="Read-only file system.\nNothing is changed."),
    ):
        patch.setattr("os.replace", fails_in_the_end)
        models = [tiny_model("pear", code="x = 2\n"), tiny_model("plum")]
        write_models(models, tmp_path, force=False, rules_sha256="r", dropped=["apple"], beside={beside: "new = 1\n"})
    assert contents(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["apple", "pear"]


def test_a_dropped_model_goes_with_its_folder(tmp_path: Path) -> None:
    write(tmp_path, tiny_model("apple"), tiny_model("pear"), tiny_model("plum"))
    (tmp_path / "plum" / "notes.txt").write_text("mine")
    beside = tmp_path / "beside.toml"
    report = write_models(
        [tiny_model("pear")],
        tmp_path,
        force=False,
        rules_sha256="rules",
        dropped=["apple", "plum"],
        beside={beside: "new = 1\n"},
    )
    assert report.dropped == ("apple", "plum")
    assert {path.name for path in report.written} == {"pytorch_transforms.py", "manifest.json", "beside.toml"}
    assert not (tmp_path / "apple").exists()
    assert [path.name for path in (tmp_path / "plum").iterdir()] == ["notes.txt"]
    assert beside.read_text() == "new = 1\n"
    assert "pple" not in (tmp_path / "pytorch_transforms.py").read_text() + (tmp_path / "manifest.json").read_text()
