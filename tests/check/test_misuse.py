"""What the check cannot start with: exit 2, and what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.check.conftest import RELEASE, Run
from tests.imports import ROOT


def test_an_unknown_name(folder: Path, run: Run) -> None:
    outcome = run("check", "gpt2", "gpt3")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == (
        "checking   gpt2, gpt3 in generated\n"
        "Error: generated/manifest.json has no model `gpt3`. Near names: gpt2.\n"
        "To generate it: python -m qeff_codegen gpt3\n"
    )


@pytest.mark.parametrize("name", ["../generated", ".", "gpt2/..", "__pycache__"])
def test_a_path_is_no_name(folder: Path, run: Run, name: str) -> None:
    assert run("check", name).exit_code == 2


def test_a_family_that_another_package_serves(folder: Path, run: Run) -> None:
    for name in ("gpt-sw3", "gpt_sw3"):
        outcome = run("check", name)
        assert (outcome.exit_code, outcome.stdout.split(",")[0]) == (0, "current       1 model")


def test_no_folder(folder: Path, run: Run) -> None:
    outcome = run("check", "--generated", "nowhere")
    assert outcome.exit_code == 2
    where = Path("nowhere").absolute()
    assert f"\nError: There is no folder {where}, so there is nothing to check.\n" in outcome.stderr
    assert outcome.stderr.endswith(f"what came with this tool is in {ROOT / 'generated'}.\n")


def test_an_empty_folder(folder: Path, run: Run) -> None:
    Path("empty").mkdir()
    outcome = run("check", "--generated", "empty")
    assert outcome.exit_code == 2
    assert "\nError: empty holds no manifest.json and no generated model" in outcome.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"models": {}}',
        b'{"models": {"a": 1}, "pytorch_transforms_sha256": null}',
        b"null",
    ],
)
def test_an_unreadable_manifest(folder: Path, run: Run, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    outcome = run("check")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "\nError: generated/manifest.json is not a manifest this version wrote: " in outcome.stderr


def test_a_number_where_text_belongs(folder: Path, run: Run) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace(f'"{RELEASE}"', "5"))
    outcome = run("check")
    assert outcome.exit_code == 2
    assert "`transformers_version` is 5, which is no text" in outcome.stderr


def test_another_folder(folder: Path, run: Run) -> None:
    shutil.move(folder, "my models")
    assert run("check", "--generated", "my models").exit_code == 0
    (Path("my models") / "gpt2/modeling_gpt2.py").unlink()
    outcome = run("check", "--generated", "my models")
    assert outcome.stdout.endswith("mend          python -m qeff_codegen generate gpt2 --output 'my models'\n")
