"""Whatever becomes of a family's process, the others have their results and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from qeff_codegen.coverage.family_result import FAILED, SUPPORTED, FamilyResult
from qeff_codegen.sweep.workers import FamilyRunner, Finished, Started, run_families
from tests.sweep.processes import pids_in, running, wait_for
from tests.sweep.runners import behave, hang_with_a_child

ROOT = Path(__file__).resolve().parents[2]
BROKEN = {
    "aborts": "the process was ended by SIGABRT",
    "is killed": "the process was ended by SIGKILL, perhaps out of memory",
    "exits": "the process ended with exit code 3 and no result",
    "exits as if all were well": "the process ended with exit code 0 and no result",
    "raises": "ValueError: two lines",
    "raises what has no text": "the process ended with exit code 1 and no result",
    "gives what is no JSON": "TypeError: Object of type object is not JSON serializable",
}


def results_of(
    families: Sequence[str], scratch: Path, *, run: FamilyRunner = behave, jobs: int = 2, time_limit: float = 60
) -> dict[str, FamilyResult]:
    events = run_families(families, run, jobs=jobs, time_limit=time_limit, scratch=scratch)
    return {event.result.family: event.result for event in events if isinstance(event, Finished)}


def test_no_process_that_breaks_stops_the_others(tmp_path: Path) -> None:
    families = [*(name for pair in zip(BROKEN, range(len(BROKEN)), strict=True) for name in map(str, pair))]
    results = results_of(families, tmp_path)
    assert {name: result.reason for name, result in results.items() if result.state == FAILED} == BROKEN
    assert [name for name in families if results[name].state == SUPPORTED] == [str(i) for i in range(len(BROKEN))]
    assert list(tmp_path.iterdir()) == [], "each family's folder is deleted"


def test_what_a_process_said_last_is_kept(tmp_path: Path) -> None:
    detail = results_of(["raises"], tmp_path)["raises"].detail
    assert detail.startswith("on its way\nTraceback (most recent call last):")
    assert detail.endswith("\nValueError: two lines\nof which one is enough")


def test_of_much_output_only_the_end_is_kept(tmp_path: Path) -> None:
    lines = results_of(["is loud"], tmp_path)["is loud"].detail.splitlines()
    assert len(lines) <= 12
    assert (lines[0].startswith("line 1999"), lines[-1]) == (True, "MemoryError")


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="this system has no signals without a name")
def test_a_signal_without_a_name_has_its_number(tmp_path: Path) -> None:
    name = "gets an unnamed signal"
    assert results_of([name], tmp_path)[name].reason == f"the process was ended by signal {signal.SIGRTMIN + 1}"


def test_a_result_is_taken_at_once_whatever_happens_on_the_way_out(tmp_path: Path) -> None:
    name, started = "hangs on its way out", time.monotonic()
    assert results_of([name], tmp_path, time_limit=60)[name].state == SUPPORTED
    assert time.monotonic() - started < 30


def test_each_family_finds_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "one" / "generated").mkdir(parents=True)
    (tmp_path / "one" / "generated" / "left.py").write_text("by an earlier sweep")
    assert results_of(["one"], tmp_path)["one"].reason == "[]"


def test_a_process_over_its_time_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pids, scratch = tmp_path / "pids", tmp_path / "scratch"
    pids.mkdir()
    results = results_of(["slow"], scratch, run=partial(hang_with_a_child, pids), time_limit=3)
    assert (results["slow"].state, results["slow"].reason) == (FAILED, "not done after 3 s, ended")
    assert results["slow"].seconds >= 3
    numbers = pids_in(pids / "slow")
    wait_for(lambda: not running(numbers), "the process and its child to end")


def test_a_process_over_its_time_does_not_stop_the_others(tmp_path: Path) -> None:
    results = results_of(["hangs", "fine"], tmp_path, jobs=1, time_limit=4)
    assert {name: result.state for name, result in results.items()} == {"hangs": FAILED, "fine": SUPPORTED}


def test_no_more_run_at_a_time_than_asked_for_and_all_are_announced(tmp_path: Path) -> None:
    at_once, announced = [0], []
    for event in run_families("abcde", behave, jobs=2, time_limit=60, scratch=tmp_path):
        at_once.append(at_once[-1] + (1 if isinstance(event, Started) else -1))
        if isinstance(event, Started):
            announced.append(event.family)
    assert (max(at_once), at_once[-1], announced) == (2, 0, list("abcde"))


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    pids, scratch = tmp_path / "pids", tmp_path / "scratch"
    pids.mkdir()
    run = partial(hang_with_a_child, pids)
    with closing(run_families(["a", "b", "c"], run, jobs=2, time_limit=60, scratch=scratch)) as events:
        for _ in range(2):
            next(events)
        numbers = pids_in(pids / "a")
        assert running(numbers) == numbers
    wait_for(lambda: not running(numbers), "the processes to end")
    assert list(scratch.iterdir()) == []
    assert not (pids / "c").exists()


SWEEPING = """
import sys
from functools import partial
from pathlib import Path
from qeff_codegen.sweep.workers import run_families
from tests.sweep.runners import hang_with_a_child

folder = Path(sys.argv[1])
run = partial(hang_with_a_child, folder)
try:
    for _ in run_families(["a", "b"], run, jobs=2, time_limit=60, scratch=folder / "scratch", preload=sys.argv[2:]):
        pass
except KeyboardInterrupt:
    print("stopped")
"""


def sweeping(folder: Path, *preload: str) -> subprocess.Popen[str]:
    """A process that sweeps, the leader of a group as a terminal makes one."""
    return subprocess.Popen(
        [sys.executable, "-c", SWEEPING, str(folder), *preload],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(("sent", "shown"), [(signal.SIGINT, "stopped\n"), (signal.SIGTERM, ""), (signal.SIGKILL, "")])
def test_processes_end_with_the_sweep_however_it_ends(tmp_path: Path, sent: signal.Signals, shown: str) -> None:
    process = sweeping(tmp_path)
    numbers = [*pids_in(tmp_path / "a"), *pids_in(tmp_path / "b")]
    process.send_signal(sent)
    assert process.communicate(timeout=20)[0] == shown
    wait_for(lambda: not running(numbers), "the families' processes to end")


def test_ctrl_c_while_the_server_imports_ends_it_without_a_word(tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to all processes of the group; output ends when the last of them is gone."""
    process = sweeping(tmp_path, "tests.sweep.slow_import")
    wait_for((tmp_path / "scratch" / "a").is_dir, "the first family to be started")
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20)[0] == "stopped\n"


def test_a_package_that_breaks_on_import_is_one_message(tmp_path: Path) -> None:
    outcome, _ = sweeping(tmp_path, "tests.sweep.broken_import").communicate(timeout=20)
    assert "OSError: libplum.so: cannot open shared object file" in outcome
    assert "UsageError: No process can be started for `a`: " in outcome
    assert outcome.endswith("names what cannot be imported: a package, to be installed again, or a rule.\n")
