"""Which form of `specializations.json` is written: what was asked for, or what the compiler takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main

Run = Callable[..., Result]

FLAT = [
    {"batch_size": "1", "ctx_len": "128", "seq_len": "32"},
    {"batch_size": "1", "ctx_len": "128", "seq_len": "1"},
]

# As the compiler ends that QEfficient's issue 1129 is about: whatever else it would take, names it does not.
OLDER = """
import json, sys
from pathlib import Path

given = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
with open({runs!r}, "a") as runs:
    runs.write("run\\n")
entries = json.loads(Path(given["-network-specialization-config"]).read_text())["specializations"]
if any(not isinstance(value, str) for entry in entries for value in entry.values()):
    sys.exit("[json.exception.type_error.302] type must be string, but is object")
if {fails}:
    sys.exit("out of memory")
Path(given["-aic-binary-dir"]).mkdir()
(Path(given["-aic-binary-dir"]) / "programqpc.bin").write_bytes(b"not a program")
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["compile", *arguments, "--output", str(tmp_path / "programs")])

    return call


def older_compiler(compiler: Path, fails: bool = False) -> Path:
    """Puts a compiler that takes no names in the place of the stand-in; returns where it counts its runs."""
    runs = compiler.with_name("runs")
    script = compiler.with_name("older.py")
    script.write_text(OLDER.format(runs=str(runs), fails=fails))
    compiler.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    return runs


def written(tmp_path: Path) -> list[list[dict[str, str]]]:
    files = (tmp_path / "programs").glob("*/specializations.json")
    return [json.loads(path.read_text())["specializations"] for path in files]


def test_a_compiler_that_takes_no_names_gets_sizes_alone(
    run: Run, checkpoint: Path, compiler: Path, tmp_path: Path
) -> None:
    runs = older_compiler(compiler)
    result = run(str(checkpoint))
    assert result.exit_code == 0, result.output
    assert "remark     specializations.json has its flat form" in result.stdout
    assert "compiled " in result.stdout
    assert written(tmp_path) == [FLAT]
    assert run(str(checkpoint)).exit_code == 0
    assert runs.read_text() == "run\n" * 2, "a program that is there is not compiled again"


@pytest.mark.usefixtures("compiler")
def test_a_compiler_that_takes_names_gets_them(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    result = run(str(checkpoint))
    assert result.exit_code == 0, result.output
    assert "flat" not in result.stdout
    assert [[entry["name"] for entry in entries] for entries in written(tmp_path)] == [["Prefill", "Decode"]]


def test_the_form_that_was_asked_for_is_the_only_one(
    run: Run, checkpoint: Path, compiler: Path, tmp_path: Path
) -> None:
    runs = older_compiler(compiler)
    result = run(str(checkpoint), "--specializations-format", "named")
    assert result.exit_code == 1
    assert "type must be string, but is object" in result.stderr
    assert "--specializations-format flat" in result.stderr
    assert runs.read_text() == "run\n"
    assert run(str(checkpoint), "--specializations-format", "flat").exit_code == 0
    assert FLAT in written(tmp_path)


def test_another_error_of_the_compiler_is_its_own(run: Run, checkpoint: Path, compiler: Path) -> None:
    runs = older_compiler(compiler, fails=True)
    result = run(str(checkpoint))
    assert result.exit_code == 1
    assert "out of memory" in result.stderr
    assert runs.read_text() == "run\n" * 2


def test_without_a_compiler_the_form_that_was_asked_for_is_written(
    run: Run, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    result = run(str(checkpoint), "--specializations-format", "flat")
    assert result.exit_code == 0, result.output
    assert written(tmp_path) == [FLAT]
