"""A sweep runs what has changed, keeps what it finds out, and leaves nothing running when it is stopped."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console

from qeff_codegen.coverage.family_result import FAILED, REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.swept import TEXT
from qeff_codegen.errors import UsageError
from qeff_codegen.sweep.kept_results import KeptResults
from qeff_codegen.sweep.run import PRELOAD, Sweep, families_to_sweep, sweep_with
from qeff_codegen.sweep.workers import FamilyRunner
from tests.sweep.processes import pids_in, running, wait_for
from tests.sweep.runners import count_runs, hang_with_a_child


def a_sweep(folder: Path, run: FamilyRunner, key: Callable[[str], str] = str.upper) -> Sweep:
    return Sweep(run, key, KeptResults(folder / "kept"), jobs=2, time_limit=60, preload=())


def swept(
    sweep: Sweep, *families: str, seconds: Mapping[str, float] | None = None
) -> tuple[list[tuple[str, str]], list[str]]:
    """States in the order of the results, and the lines that were printed."""
    output = io.StringIO()
    results = sweep.over(families, Console(file=output, width=200), seconds or {})
    return [(result.family, result.state) for result in results], output.getvalue().splitlines()


def runs(folder: Path) -> dict[str, int]:
    return {path.name: len(path.read_text()) for path in sorted(folder.iterdir())}


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    folder = tmp_path / "counts"
    folder.mkdir()
    return folder


def test_what_is_unchanged_is_shown_and_not_run_again(tmp_path: Path, counts: Path) -> None:
    sweep = a_sweep(tmp_path, partial(count_runs, counts))
    states = [("plum", SUPPORTED), (REFUSED, REFUSED), ("apple", SUPPORTED)]
    first, lines = swept(sweep, "plum", REFUSED, "apple")
    assert first == states
    assert sorted(line.split()[1] for line in lines) == ["apple", "plum", REFUSED]
    second, lines = swept(sweep, "plum", REFUSED, "apple")
    assert second == states
    assert lines[0] == "Unchanged since they were last swept: 3 of 3."
    assert [line.split()[1] for line in lines[1:]] == ["plum", REFUSED, "apple"]
    assert runs(counts) == {"apple": 1, "plum": 1, REFUSED: 1}


def test_the_longest_begin_first(tmp_path: Path, counts: Path) -> None:
    sweep = replace(a_sweep(tmp_path, partial(count_runs, counts)), jobs=1)
    states, lines = swept(sweep, "apple", "fig", "plum", "new", seconds={"apple": 1.0, "fig": 3.0, "plum": 9.0})
    assert [line.split()[1] for line in lines] == ["plum", "fig", "new", "apple"]
    assert [family for family, _ in states] == ["apple", "fig", "plum", "new"]


def test_what_has_another_key_is_run_again(tmp_path: Path, counts: Path) -> None:
    run = partial(count_runs, counts)
    swept(a_sweep(tmp_path, run), "plum", "apple")
    swept(a_sweep(tmp_path, run, key=lambda family: "new" if family == "plum" else family.upper()), "plum", "apple")
    assert runs(counts) == {"apple": 1, "plum": 2}


def test_what_failed_is_tried_again(tmp_path: Path, counts: Path) -> None:
    sweep = a_sweep(tmp_path, partial(count_runs, counts))
    for _ in range(2):
        assert swept(sweep, FAILED, "plum")[0] == [(FAILED, FAILED), ("plum", SUPPORTED)]
    assert runs(counts) == {FAILED: 2, "plum": 1}


class Full(KeptResults):
    """A disk without room for the one that is not slow."""

    def save(self, result: FamilyResult, key: str) -> None:
        raise UsageError("no room")


def hang_or_finish(pids: Path, family: str, folder: Path) -> FamilyResult:
    if family == "slow":
        return hang_with_a_child(pids, family, folder)
    pids_in(pids / "slow")
    return FamilyResult(family, SUPPORTED)


def test_a_sweep_that_cannot_go_on_leaves_nothing_running(tmp_path: Path, counts: Path) -> None:
    run = partial(hang_or_finish, counts)
    sweep = Sweep(run, str.upper, Full(tmp_path), jobs=2, time_limit=60, preload=())
    with pytest.raises(UsageError, match="no room") as caught:
        swept(sweep, "slow", "plum")
    # Its traceback still holds the frame that held the processes.
    assert caught.tb is not None
    numbers = pids_in(counts / "slow")
    wait_for(lambda: not running(numbers), "the slow process and its child to end", seconds=5)


def test_quick_and_long_sweeps_keep_results_of_their_own(tmp_path: Path) -> None:
    quick, long = (sweep_with(TEXT, stage, tmp_path, jobs=1, time_limit=1) for stage in (2, 3))
    quick.kept.save(FamilyResult("plum", SUPPORTED, stages=2), "key")
    long.kept.save(FamilyResult("plum", SUPPORTED, stages=3), "key")
    found = [sweep.kept.load("plum", "key") for sweep in (quick, long)]
    assert [result and result.stages for result in found] == [2, 3]


def test_families_are_those_asked_for_once_each_or_all() -> None:
    assert families_to_sweep(["gpt2", "bart", "gpt2", "blueprint"]) == ("gpt2", "bart", "blueprint")
    assert {"gpt2", "bart", "llama"} < set(families_to_sweep([]))
    with pytest.raises(UsageError, match="no family `lama` with a causal LM. Near names: .*llama"):
        families_to_sweep(["gpt2", "lama"])


def test_what_is_imported_once_for_all_workers_is_there() -> None:
    assert [name for name in PRELOAD if find_spec(name) is None] == []
