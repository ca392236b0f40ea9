"""`sweep` as its users call it: what is printed and written, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from qeff_codegen.coverage.family_result import FAILED, MISMATCH, REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.image_parts import ImageParts
from qeff_codegen.coverage.page import as_json
from qeff_codegen.coverage.swept import IMAGES, TEXT, Swept, read_coverage
from qeff_codegen.sweep.kept_results import KeptResults
from qeff_codegen.sweep.result_key import result_key
from qeff_codegen.sweep.run import Sweep

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The real command on one family that is supported and one that is refused, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("swept")
    arguments = ["--family", "gpt2", "--family", "rwkv", "--stages", "1-2", "--output", "written", "--work", "work"]
    outcome = subprocess.run(
        [sys.executable, "-m", "qeff_codegen", "sweep", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return folder, outcome


Outcome = tuple[Path, subprocess.CompletedProcess[str]]


def test_supported_and_refused_families_end_with_0(swept: Outcome) -> None:
    _, outcome = swept
    assert (outcome.returncode, outcome.stderr) == (0, "")
    refused, supported, *rest = sorted(outcome.stdout.splitlines()[:2]) + outcome.stdout.splitlines()[2:]
    assert refused.startswith("refused    rwkv ")
    assert " anatomy: " in refused and "/modeling_rwkv.py:" in refused
    assert supported.startswith("supported  gpt2 ") and supported.endswith(" s")
    assert rest == [
        "1 refused, 1 supported",
        "written    written/coverage.md",
        "written    written/coverage.json",
    ]


def test_coverage_says_what_was_found(swept: Outcome) -> None:
    folder, _ = swept
    document = json.loads((folder / "written/coverage.json").read_text())
    assert list(document) == [TEXT] and document[TEXT]["last_stage"] == 2
    gpt2, rwkv = document[TEXT]["families"]
    assert (rwkv["family"], rwkv["state"], rwkv["rule"], rwkv["stages"]) == ("rwkv", REFUSED, "anatomy", None)
    assert (gpt2["family"], gpt2["state"], gpt2["stages"]) == ("gpt2", SUPPORTED, 2)
    assert gpt2["layers"] == ["full", "no rotary module"]
    assert gpt2["scenarios"] >= 8 and gpt2["seconds"] > 0
    assert len(gpt2["margins"]) == gpt2["scenarios"] and rwkv["margins"] == []
    assert all(0 < item["torch"] < 1 and item["onnx"] is None and item["choice"] > 2 for item in gpt2["margins"])
    assert gpt2["lines_removed"] > gpt2["lines_added"] > 0 and 0 < gpt2["kept"] < 1
    changed = f"+{gpt2['lines_added']} -{gpt2['lines_removed']}"
    assert f"| gpt2 | full, no rotary module | 1-2 | {gpt2['scenarios']} | {changed} |" in (
        folder / "written/coverage.md"
    ).read_text("utf-8")


def test_a_second_sweep_shows_what_is_kept_and_writes_nothing_for_a_part(
    swept: Outcome, run: Callable[..., Result], tmp_path: Path
) -> None:
    folder, outcome = swept
    again = run("sweep", "--family", "gpt2", "--family", "rwkv", "--stages", "1-2", "--work", str(folder / "work"))
    assert again.exit_code == 0
    first, *lines, last = again.stdout.splitlines()
    assert first == "Unchanged since they were last swept: 2 of 2."
    assert lines == sorted(outcome.stdout.splitlines()[:2], key=lambda line: line.split()[1])
    assert last == "1 refused, 1 supported"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., None]:
    """Keep results that are current, so that nothing has to run."""

    def keep(*results: FamilyResult) -> None:
        for result in results:
            KeptResults(tmp_path / "build/sweep/stages-1-3").save(result, result_key(result.family, 3))

    return keep


GPT2 = FamilyResult("gpt2", SUPPORTED, seconds=1, stages=3, scenarios=8)


def test_a_mismatch_ends_with_1_and_is_told_in_full(run: Callable[..., Result], keep: Callable[..., None]) -> None:
    keep(GPT2, FamilyResult("llama", MISMATCH, seconds=1, reason="1 of 8 scenarios differ", detail="base: there"))
    outcome = run("sweep", "--family", "gpt2", "--family", "llama")
    assert outcome.exit_code == 1
    assert outcome.stdout.endswith("\nMISMATCH llama: 1 of 8 scenarios differ\nbase: there\n1 mismatch, 1 supported\n")


def test_a_family_that_could_not_be_judged_ends_with_1(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = FamilyResult("gpt2", FAILED, reason="not done after 1 s, ended")
    monkeypatch.setattr(Sweep, "over", lambda *_: [failed])
    outcome = run("sweep", "--family", "gpt2")
    assert (outcome.exit_code, outcome.stdout) == (1, "\nFAILED gpt2: not done after 1 s, ended\n1 failed\n")


def test_all_families_are_swept_and_written_to_docs_by_default(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def over(self: Sweep, families: tuple[str, ...], *_: Any) -> list[FamilyResult]:
        asked.append(families)
        return [GPT2]

    monkeypatch.setattr(Sweep, "over", over)
    outcome = run("sweep")
    assert outcome.stdout == "1 supported\nwritten    docs/coverage.md\nwritten    docs/coverage.json\n"
    assert {"gpt2", "llama", "bart"} < set(asked[0]) and len(asked[0]) > 100
    assert sorted(path.name for path in (tmp_path / "docs").iterdir()) == ["coverage.json", "coverage.md"]


def test_an_unknown_family_ends_with_2_and_runs_nothing(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("sweep", "--family", "gpt2", "--family", "lama")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(
        "Error: The installed transformers has no family `lama` with a causal LM. Near names: "
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [("--stages", "1"), ("--jobs", "0"), ("--time-limit", "0"), ("--work", "file"), ("--output", "file")]
)
def test_wrong_options_end_with_2(run: Callable[..., Result], tmp_path: Path, options: tuple[str, str]) -> None:
    (tmp_path / "file").touch()
    outcome = run("sweep", "--family", "gpt2", *options)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert f"Error: Invalid value for '{options[0]}'" in outcome.stderr


def test_without_torch_the_extra_is_named(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "torch":
            raise PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr("qeff_codegen.cli.sweep.version", version)
    outcome = run("sweep", "--family", "gpt2")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == (
        "Error: The sweep needs the package `torch`, which is not installed.\n"
        "Run `pip install 'qeff_codegen[run]'`; generating works without it.\n"
    )


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(*_: Any) -> list[FamilyResult]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sweep, "over", over)
    outcome = run("sweep", "--family", "gpt2", "--work", "here")
    assert (outcome.exit_code, outcome.stdout) == (130, "")
    assert outcome.stderr == "\nStopped. What is done is kept in here; the same command goes on from there.\n"


def test_image_text_models_are_a_task_of_their_own(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    known: list[dict[str, float]] = []

    def over(self: Sweep, families: tuple[str, ...], _: Any, seconds: dict[str, float]) -> list[FamilyResult]:
        asked.append(families)
        known.append(seconds)
        return [replace(GPT2, family="llava", images=ImageParts("clip_vision_model", "llama", ()))]

    monkeypatch.setattr(Sweep, "over", over)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/coverage.json").write_text(as_json({TEXT: Swept("5.24.0", 3, (GPT2,))}))
    assert run("sweep", "--task", IMAGES).exit_code == 0
    assert {"llava", "llama4", "gemma3"} < set(asked[0]) and "gpt2" not in asked[0]
    found = read_coverage(tmp_path / "docs/coverage.json")
    assert [swept.results[0].family for swept in found.values()] == ["gpt2", "llava"]
    outcome = run("sweep", "--task", IMAGES, "--family", "gpt2")
    assert outcome.exit_code == 2 and "no family `gpt2` with an image-text model" in outcome.stderr
    assert run("sweep").exit_code == 0
    assert known == [{}, {"gpt2": GPT2.seconds}]
