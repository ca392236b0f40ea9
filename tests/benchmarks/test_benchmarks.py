"""Every benchmark runs, and one that fails takes no result away from the others."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.benchmarks import __main__ as command
from tests.benchmarks import all_models, benchmarks
from tests.benchmarks.smollm2.measuring import run_module
from tests.benchmarks.timing import ROOT, BenchmarkError, Measurement, Size
from tests.benchmarks.warm import warm


def test_every_benchmark_runs_at_its_smallest_size(tmp_path: Path) -> None:
    file = tmp_path / "results" / "benchmarks.json"
    words = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(file)]
    finished = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = json.loads(file.read_text())
    assert results["size"] == "smallest"
    assert list(results["benchmarks"]) == list(benchmarks.BENCHMARKS)
    for name, result in results["benchmarks"].items():
        assert result["error"] is None and result["measurements"], name
        for made in result["measurements"]:
            assert math.isfinite(made["ratio"]) and made["ratio"] > 0, made
            assert f"{made['what']}: {made['ratio']:.2f} (goal {made['goal']:g})" in " ".join(finished.stdout.split())


def one_then_failure(size: Size) -> Iterator[Measurement]:
    yield Measurement(f"before, {size.value}", 1.0, "a yardstick", 2.0, goal=0.4)
    raise BenchmarkError("the disk is full\nof results")


def two(size: Size) -> Iterator[Measurement]:
    yield Measurement("after", 3.0, "another yardstick of which there is much to say, so much that it wraps", 2.0, 1.5)


@pytest.fixture
def benchmarks_are(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def call(**table: tuple[str, str]) -> None:
        monkeypatch.setattr(benchmarks, "BENCHMARKS", table)
        monkeypatch.setattr(command, "BENCHMARKS", table)
        monkeypatch.setenv("COLUMNS", "60")

    return call


def invoked(*arguments: str) -> Result:
    return CliRunner(catch_exceptions=False).invoke(command.main, list(arguments))


def test_a_failure_is_said_and_the_others_are_printed(benchmarks_are: Callable[..., None], tmp_path: Path) -> None:
    benchmarks_are(one=(__name__, "one_then_failure"), two=(__name__, "two"), gone=("tests.benchmarks.gone", "x"))
    result = invoked("--json", str(tmp_path / "results.json"))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "missed  before, full: 0.50 (goal 0.4)",
        "        1 s against 2 s: a yardstick",
        "failed  one: BenchmarkError: the disk is full",
        "met     after: 1.50 (goal 1.5)",
        "        3 s against 2 s: another yardstick of which there is",
        "        much to say, so much that it wraps",
        "failed  gone: ModuleNotFoundError: No module named",
        "        'tests.benchmarks.gone'",
    ]
    results = json.loads((tmp_path / "results.json").read_text())["benchmarks"]
    assert results["one"]["error"] == "BenchmarkError: the disk is full"
    assert [made["met"] for made in results["one"]["measurements"]] == [False]
    assert results["two"]["error"] is None


def test_a_missed_goal_is_no_failure(benchmarks_are: Callable[..., None], tmp_path: Path) -> None:
    benchmarks_are(two=(__name__, "two"))
    assert invoked().exit_code == 0
    (tmp_path / "file").write_text("")
    unwritable = invoked("--json", str(tmp_path / "file" / "results.json"))
    assert unwritable.exit_code == 2
    assert "results.json cannot be written: " in unwritable.stderr


def test_a_model_is_never_timed_in_a_process_that_has_generated_it() -> None:
    with pytest.raises(BenchmarkError, match="llama: timed, and generated before"):
        warm(["llama", "gpt2"], ["llama"], runs=1)


def test_only_a_checkout_is_measured_against(tmp_path: Path) -> None:
    result = CliRunner(catch_exceptions=False).invoke(all_models.main, ["--against", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{tmp_path} is no checkout of this project" in result.stderr


def test_a_process_is_not_as_large_as_the_one_that_started_it() -> None:
    held = bytearray(b"x" * 2**29)
    assert run_module(Path(sys.executable), "platform").peak < 2**28 < len(held)


def test_a_process_that_fails_is_told_by_what_it_said_last() -> None:
    with pytest.raises(BenchmarkError, match="json.tool ended with exit code 2: .*nowhere"):
        run_module(Path(sys.executable), "json.tool", "nowhere")
