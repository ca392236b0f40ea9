"""A kept result is used as it was saved, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from qeff_codegen.coverage.family_result import MISMATCH, SUPPORTED, FamilyResult
from qeff_codegen.errors import UsageError
from qeff_codegen.sweep.kept_results import KeptResults

RESULT = FamilyResult(
    "plum",
    SUPPORTED,
    seconds=12.3,
    stages=3,
    scenarios=8,
    layers=("full", "experts"),
    lines_added=46,
    lines_removed=60,
    kept=0.75,
    notes=("é | not quite sharp",),
)


def test_what_was_saved_is_loaded_under_its_key_only(tmp_path: Path) -> None:
    kept = KeptResults(tmp_path / "made" / "when needed")
    assert kept.load("plum", "key") is None
    kept.save(RESULT, "key")
    assert kept.load("plum", "key") == RESULT
    assert kept.load("plum", "another") is None
    assert kept.load("apple", "key") is None


def edited(**changes: object) -> Callable[[str], str]:
    def edit(text: str) -> str:
        record = json.loads(text)
        record["result"] |= changes
        return json.dumps(record)

    return edit


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "null",
        lambda text: '{"key": "key"}',
        lambda text: text.replace("experts", "expertz"),
        edited(state="splendid"),
        edited(seconds="long"),
        edited(colour="red"),
    ],
)
def test_a_damaged_file_is_no_result_and_can_be_replaced(tmp_path: Path, damage: Callable[[str], str]) -> None:
    kept = KeptResults(tmp_path)
    kept.save(RESULT, "key")
    path = tmp_path / "plum.json"
    path.write_text(damage(path.read_text()))
    assert kept.load("plum", "key") is None
    kept.save(RESULT, "key")
    assert kept.load("plum", "key") == RESULT


def test_a_file_that_is_no_text_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "plum.json").write_bytes(b"\xff\xfe\x00")
    assert KeptResults(tmp_path).load("plum", "key") is None


def test_two_sweeps_that_save_at_once_leave_one_whole_result(tmp_path: Path) -> None:
    kept = KeptResults(tmp_path)
    other = FamilyResult("plum", MISMATCH, detail="x" * 20_000)
    failures: list[Exception] = []

    def save(result: FamilyResult) -> None:
        try:
            for _ in range(100):
                kept.save(result, "key")
                assert kept.load("plum", "key") in (RESULT, other)
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=save, args=(result,)) for result in (RESULT, other, RESULT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in tmp_path.iterdir()] == ["plum.json"], "and nothing half-written beside it"


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match=r"plum\.json cannot be written: .*Choose another folder with --work\."):
        KeptResults(tmp_path / "taken").save(RESULT, "key")
