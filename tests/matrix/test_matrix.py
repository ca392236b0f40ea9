"""The matrix' own judgement, on results that are given; running it is `make test-matrix`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from qeff_codegen.coverage.family_result import FAILED, MISMATCH, REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.errors import UsageError
from tests.matrix import expectations, one_release
from tests.matrix.expectations import FAMILIES, NOT_RUN, RELEASES, WITH_STATES, Refused
from tests.matrix.one_release import families_of, run_release
from tests.matrix.verdict import as_table, unexpected

SUPPORTED_PLUM = FamilyResult("plum", SUPPORTED, scenarios=12)
REFUSED_PLUM = FamilyResult("plum", REFUSED, reason="another state", rule="anatomy", place="models/plum.py:7")
KEY = ("9.8.7", "plum")


def test_supported_is_as_expected() -> None:
    assert list(unexpected({KEY: SUPPORTED_PLUM}, {})) == []


@pytest.mark.parametrize(
    ("result", "expected", "says"),
    [
        (REFUSED_PLUM, {}, "plum, transformers 9.8.7: refused by anatomy: another state\n  at models/plum.py:7"),
        (
            REFUSED_PLUM,
            {KEY: Refused("context_length", "why")},
            "plum, transformers 9.8.7: refused by anatomy: another state\n  at models/plum.py:7",
        ),
        (
            SUPPORTED_PLUM,
            {KEY: Refused("anatomy", "why")},
            "plum, transformers 9.8.7: supported, and the list of refusals says otherwise; take its row out.",
        ),
        (
            FamilyResult("plum", MISMATCH, reason="2 of 9 scenarios differ", detail="base: Stage 2 different"),
            {KEY: Refused("anatomy", "why")},
            "plum, transformers 9.8.7: mismatch: 2 of 9 scenarios differ\nbase: Stage 2 different",
        ),
        (FamilyResult("plum", FAILED, reason="not done"), {}, "plum, transformers 9.8.7: failed: not done"),
    ],
)
def test_all_else_is_told(result: FamilyResult, expected: dict[tuple[str, str], Refused], says: str) -> None:
    assert list(unexpected({KEY: result}, expected)) == [says]


def test_the_right_refusal_is_as_expected() -> None:
    assert list(unexpected({KEY: REFUSED_PLUM}, {KEY: Refused("anatomy", "why")})) == []
    told = list(unexpected({}, {KEY: Refused("anatomy", "why")}))
    assert told == ["plum, transformers 9.8.7: the list of refusals has a row for it, and it was not run."]


def test_the_table() -> None:
    results = {
        ("1.0", "plum"): SUPPORTED_PLUM,
        ("2.0", "plum"): REFUSED_PLUM,
        ("2.0", "pear"): FamilyResult("pear", MISMATCH, reason="differs"),
    }
    output = io.StringIO()
    Console(file=output, width=90).print(as_table(results, ["1.0", "2.0"], ["plum", "pear"]))
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in output.getvalue().splitlines() if "│" in line
    ]
    assert cells == [["plum", "supported (12)", "refused: anatomy"], ["pear", "-", "MISMATCH"]]


def test_exceptions_are_about_what_is_run_and_have_reasons() -> None:
    for release, family in [*NOT_RUN, *expectations.REFUSED]:
        assert release in RELEASES
        assert family in FAMILIES
    assert all(NOT_RUN.values())
    assert all(WITH_STATES.values())
    assert len(set(FAMILIES)) == len(FAMILIES)
    assert all(refusal.rule and refusal.reason for refusal in expectations.REFUSED.values())


def test_families_that_a_release_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_release, "causal_lm_families", lambda transformers_version: ("gpt2", "llama", "pear"))
    assert families_of("5.24.0", ["llama", "plum", "blueprint"]) == ["llama", "blueprint"]
    assert families_of("4.57.6", ["llama", "plum", "blueprint"]) == ["llama"]


def stand_in(folder: Path, release: str, exit_code: int) -> Path:
    """An interpreter that writes what a sweep of `release` would, and keeps its command."""
    document = {TEXT: Swept(release, 3, (SUPPORTED_PLUM,)).as_json()}
    script = folder / "python"
    script.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        f"folder = pathlib.Path(sys.argv[sys.argv.index('--output') + 1])\n"
        "folder.mkdir(parents=True, exist_ok=True)\n"
        f"(folder / 'coverage.json').write_text({json.dumps(document)!r})\n"
        "(folder / 'command.txt').write_text(' '.join(sys.argv[1:]))\n"
        f"sys.exit({exit_code})\n"
    )
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_release_is_swept_in_its_own_environment(
    exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_release, "release_python", lambda release: stand_in(tmp_path, release, exit_code))
    work = tmp_path / "work"
    assert run_release("9.8.7", ["plum", "pear"], jobs=1, folder=work) == [SUPPORTED_PLUM]
    assert (work / "command.txt").read_text() == (
        f"-m qeff_codegen sweep --jobs 1 --work {work} --output {work} --family plum --family pear"
    )


def test_a_sweep_that_did_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_release, "release_python", lambda release: stand_in(tmp_path, release, 2))
    with pytest.raises(UsageError, match=r"The sweep under transformers 9\.8\.7 ended with exit code 2\."):
        run_release("9.8.7", ["plum"], jobs=1, folder=tmp_path / "work")
    monkeypatch.setattr(one_release, "release_python", lambda release: stand_in(tmp_path, "1.0", 0))
    with pytest.raises(UsageError, match=r"The environment of transformers 9\.8\.7 runs 1\.0\."):
        run_release("9.8.7", ["plum"], jobs=1, folder=tmp_path / "work")


def test_misuse_is_told_without_a_traceback() -> None:
    command = [sys.executable, "-m", "tests.matrix", "--release", "latest"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0] == "`latest` is not a version of transformers."
