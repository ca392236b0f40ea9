"""The pin moves, and nothing else in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.bump.pin import moved_pin
from qeff_codegen.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
PROJECT = """\
[project]
name = "mine"  # transformers==1.0.0 is named in the extra

[project.optional-dependencies]
run = [
    "torch==2.13.0",
    "transformers==1.0.0",  # the pin
]
dev = ["transformers-mlinter==0.1.0"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_bytes(text.encode())
    return path


def test_one_token_changes(tmp_path: Path) -> None:
    path = write(tmp_path, PROJECT)
    assert moved_pin(path, "2.0.0") == PROJECT.replace('"transformers==1.0.0"', '"transformers==2.0.0"')
    assert path.read_text() == PROJECT


def test_quotes_and_line_endings_stay(tmp_path: Path) -> None:
    text = PROJECT.replace('"transformers==1.0.0"', "'transformers==1.0.0'").replace("\n", "\r\n")
    assert moved_pin(write(tmp_path, text), "2.0.0") == text.replace("'transformers==1.0.0'", "'transformers==2.0.0'")


def test_this_project_has_a_pin_to_move() -> None:
    moved = moved_pin(ROOT / "pyproject.toml", "0.0.1")
    assert '"transformers==0.0.1",\n' in moved


@pytest.mark.parametrize(
    "text",
    [
        PROJECT.replace("transformers==1.0.0", "transformers>=1.0.0"),
        PROJECT.replace('"transformers-mlinter==0.1.0"', '"transformers==1.0.0"'),
        PROJECT.replace("run = [", "other = ["),
        PROJECT.replace('"transformers==1.0.0",', '"transformers>=1.0.0",').replace(
            "# the", '# "transformers==1.0.0" the'
        ),
        "[project]\n",
    ],
    ids=["no exact pin", "two pins", "another extra", "in a comment", "no extras"],
)
def test_anything_else_than_one_pin_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="must require `transformers==VERSION` once, in the extra `run`"):
        moved_pin(write(tmp_path, text), "2.0.0")


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pyproject.toml cannot be read: "):
        moved_pin(write(tmp_path, "["), "2.0.0")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Run this in the project's folder"):
        moved_pin(tmp_path / "pyproject.toml", "2.0.0")
