"""What workers run in the tests of the sweep: well-behaved and otherwise, by the family's name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from qeff_codegen.coverage.family_result import FAILED, REFUSED, SUPPORTED, FamilyResult

FOREVER = 600.0


class Silent(Exception):
    """Cannot even be turned into text."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def behave(family: str, folder: Path) -> FamilyResult:
    """Do what the family's name says."""
    match family:
        case "aborts":
            os.abort()
        case "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "gets an unnamed signal":
            os.kill(os.getpid(), signal.SIGRTMIN + 1)
        case "exits":
            sys.exit(3)
        case "exits as if all were well":
            sys.exit(0)
        case "raises":
            print("on its way")
            raise ValueError("two lines\nof which one is enough")
        case "raises what has no text":
            raise Silent
        case "gives what is no JSON":
            return FamilyResult(family, SUPPORTED, layers=(object(),))  # type: ignore[arg-type]
        case "is loud":
            for number in range(20_000):
                print(f"line {number}")
            raise MemoryError
        case "hangs on its way out":
            threading.Thread(target=time.sleep, args=(FOREVER,)).start()
        case "hangs":
            time.sleep(FOREVER)
    return FamilyResult(family, SUPPORTED, reason=str(sorted(path.name for path in folder.iterdir())))


def hang_with_a_child(pids: Path, family: str, folder: Path) -> FamilyResult:
    """Start a process, write both numbers down, and never return."""
    child = subprocess.Popen(["sleep", str(FOREVER)])
    written = pids / f"{family}.partial"
    written.write_text(f"{os.getpid()} {child.pid}")
    written.rename(pids / family)
    time.sleep(FOREVER)
    raise AssertionError


def count_runs(counts: Path, family: str, folder: Path) -> FamilyResult:
    """Note each run; the family's name is its state, and `supported` where it is none."""
    with (counts / family).open("a") as file:
        file.write("x")
    return FamilyResult(family, family if family in (FAILED, REFUSED) else SUPPORTED, seconds=1.5)
