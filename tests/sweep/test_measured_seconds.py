"""How long families took, by the last sweep for the same task."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.coverage.family_result import SUPPORTED, FamilyResult
from qeff_codegen.coverage.page import as_json
from qeff_codegen.coverage.swept import IMAGES, TEXT, Swept
from qeff_codegen.errors import UsageError
from qeff_codegen.sweep.measured_seconds import longest_first, measured_seconds, seconds_of


def test_each_task_has_seconds_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "coverage.json"
    assert measured_seconds(file, TEXT) == {}
    of_tasks = {
        task: Swept("9.8.7", 3, (FamilyResult("gemma4", SUPPORTED, seconds=seconds),))
        for task, seconds in ((TEXT, 30.0), (IMAGES, 4.0))
    }
    file.write_text(as_json(of_tasks))
    assert measured_seconds(file, TEXT) == {"gemma4": 30.0}
    assert measured_seconds(file, IMAGES) == {"gemma4": 4.0}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "coverage.json").write_text("[]")
    with pytest.raises(UsageError, match="coverage.json cannot be read: .*--output"):
        measured_seconds(tmp_path / "coverage.json", TEXT)


def test_the_longest_come_first_and_the_unknown_in_the_middle() -> None:
    seconds = {"plum": 9.0, "fig": 3.0, "apple": 1.0, "pear": 9.0}
    assert seconds_of("new", seconds) == 6.0
    assert longest_first(["apple", "fig", "plum", "new", "pear"], seconds) == ["pear", "plum", "new", "fig", "apple"]
    assert longest_first(["plum", "apple"], {}) == ["apple", "plum"]
