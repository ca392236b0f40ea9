"""Whether processes are there."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until `condition` holds; a test that waits too long says for what."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)


def running(pids: Iterable[int]) -> list[int]:
    """Those that run; one that is over and only not yet asked about does not."""
    shown = [subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True) for pid in pids]
    states = zip(pids, (outcome.stdout.strip() for outcome in shown), strict=True)
    return [pid for pid, state in states if state and not state.startswith("Z")]


def pids_in(path: Path) -> list[int]:
    """The numbers that `hang_with_a_child` wrote down, once it has."""
    wait_for(path.is_file, f"{path.name} to start")
    return [int(word) for word in path.read_text().split()]
