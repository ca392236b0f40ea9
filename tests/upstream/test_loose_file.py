"""One modeling file: outside any package, in a package, or in a transformers tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.find import find_model
from tests.upstream.conftest import TreeMaker, facts


def test_a_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "modeling_kiwi.py"
    path.write_text("\ufeffx = 'é'\r\n", encoding="utf-8", newline="")
    model = find_model("kiwi-base", source=path)
    assert facts(model) == ("kiwi_base", "modeling_kiwi.py", "modeling_kiwi", None, None)
    assert model.source == "x = 'é'\n"


def test_a_file_in_a_package(tmp_path: Path) -> None:
    folder = tmp_path / "fruit" / "kiwi"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").touch()
    (folder / "modeling_kiwi.py").write_text("x = 1\n")
    assert facts(find_model("kiwi", source=folder / "modeling_kiwi.py")) == (
        "kiwi",
        "fruit/kiwi/modeling_kiwi.py",
        "fruit.kiwi.modeling_kiwi",
        None,
        None,
    )


def test_a_file_of_a_transformers_tree(make_tree: TreeMaker, tmp_path: Path) -> None:
    path = make_tree(tmp_path) / "models/apple/modeling_apple.py"
    assert facts(find_model("mine", source=path)) == (
        "mine",
        "transformers/models/apple/modeling_apple.py",
        "transformers.models.apple.modeling_apple",
        "AppleForCausalLM",
        "9.8.7",
    )


@pytest.mark.parametrize("place", ["modeling_kiwi.py", "kiwi/modeling_kiwi.py", "models/kiwi/modeling_kiwi.py"])
def test_a_folder_that_holds_the_file(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("x = 1\n")
    assert find_model("kiwi", source=tmp_path).source == "x = 1\n"


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ((), "Name the file itself with --source."),
        (
            ("modeling_plum.py", "modeling_apple.py"),
            "It holds modeling_apple.py, modeling_plum.py: name one with --source.",
        ),
    ],
)
def test_a_folder_without_it(tmp_path: Path, files: tuple[str, ...], hint: str) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as caught:
        find_model("kiwi", source=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no modeling_kiwi.py, "
        f"and it is no transformers tree (no models/auto/modeling_auto.py).\n{hint}"
    )


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_model("kiwi", source=tmp_path / "none")
    assert str(caught.value) == f"{tmp_path}/none does not exist.\nGive --source a modeling file, a folder or a wheel."


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "modeling_kiwi.py"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="modeling_kiwi.py cannot be read as Python source: 'utf-8' codec"):
        find_model("kiwi", source=path)


def test_a_file_that_is_no_module(tmp_path: Path) -> None:
    path = tmp_path / "modeling-kiwi.py"
    path.touch()
    with pytest.raises(UsageError) as caught:
        find_model("kiwi", source=path)
    assert str(caught.value) == (
        f"{path} is not a Python module: generated code could not import from it.\nName it like modeling_kiwi.py."
    )


NAMED = "# Copyright\n# -*- coding: {} -*-\nx = 'é'\n"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-8-sig"])
def test_an_encoding_that_the_file_names(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "modeling_kiwi.py").write_bytes(NAMED.format(encoding).encode(encoding))
    named = "utf-8-sig" if encoding == "utf-8-sig" else "utf-8"
    assert find_model("kiwi", source=tmp_path).source == NAMED.format(named), "the text is UTF-8 from then on"


def test_an_encoding_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "modeling_kiwi.py").write_bytes(NAMED.format("latin-99").encode())
    with pytest.raises(UsageError, match="modeling_kiwi.py cannot be read as Python source: .*latin-99"):
        find_model("kiwi", source=tmp_path)


def test_line_ends_are_those_that_python_reads(tmp_path: Path) -> None:
    (tmp_path / "modeling_kiwi.py").write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\rz = 3\n")
    assert find_model("kiwi", source=tmp_path).source == "x = 1\ny = 2\nz = 3\n"
