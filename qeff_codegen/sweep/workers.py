"""Runs every family in a process of its own, so that none can stop or spoil the others."""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from qeff_codegen.coverage.family_result import FAILED, FamilyResult
from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole
from qeff_codegen.generate.worker_server import start_server

# What a worker runs: a family's name and an empty folder, to its result. It must be a function of a module, or a
# `functools.partial` of one: it is sent to another process.
FamilyRunner = Callable[[str, Path], FamilyResult]

_RESULT = "result.json"
_OUTPUT = "output.txt"
_SHOWN_LINES = 12
_SHOWN_BYTES = 8192
_POLL_SECONDS = 0.05
_SIGNALS = {int(number): number.name for number in signal.Signals}
_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2


@dataclass(frozen=True)
class Started:
    """Progress: a family's process is begun."""

    family: str


@dataclass(frozen=True)
class Finished:
    """Progress: a family has a result, whatever became of its process."""

    result: FamilyResult


@dataclass
class _Running:
    family: str
    folder: Path
    process: BaseProcess
    started: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


def run_families(
    families: Sequence[str],
    run: FamilyRunner,
    *,
    jobs: int,
    time_limit: float,
    scratch: Path,
    preload: Sequence[str] = (),
) -> Generator[Started | Finished]:
    """Run `run` on every family, `jobs` at a time, and yield progress as it happens.

    Processes are forked from a server that has imported `preload` and run nothing, so that each starts at once and
    none inherits what came of another. Whoever leaves the loop early must close the generator, which ends them.

    Args:
        time_limit: seconds after which a family's process is ended.
        scratch: a folder for the families' folders; each is deleted when its family is done.
        preload: modules that every worker needs.
    """
    context = multiprocessing.get_context("forkserver")
    if families:
        start_server(context, preload)
    waiting = list(families)
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                # Said first: the first process waits for the server's imports.
                yield Started(waiting[0])
                running.append(_start(context, waiting.pop(0), run, scratch))
            for item in [item for item in running if _is_over(item, time_limit)]:
                running.remove(item)
                yield Finished(_result(item, time_limit))
            time.sleep(_POLL_SECONDS)
    finally:
        for item in running:
            _end(item.process)
            shutil.rmtree(item.folder, ignore_errors=True)


def _start(context: ForkServerContext, family: str, run: FamilyRunner, scratch: Path) -> _Running:
    folder = scratch / family
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "generated").mkdir(parents=True)
    process = context.Process(target=_work, args=(family, run, folder), daemon=True)
    try:
        process.start()
    except (EOFError, OSError) as error:  # the server is gone
        raise UsageError(
            f"No process can be started for `{family}`: {error or type(error).__name__}.\n"
            "Where a traceback stands above, it names what cannot be imported: a package, to be installed again, or a "
            "rule."
        ) from error
    return _Running(family, folder, process, time.monotonic())


def _work(family: str, run: FamilyRunner, folder: Path) -> None:
    """The worker's life: its output goes to a file, its result to another, which appears whole or not at all."""
    sweep = multiprocessing.parent_process()
    assert sweep is not None
    if not sweep.is_alive():  # stopped before this process began
        os._exit(0)
    # A process group of its own: Ctrl-C does not reach it, and what it starts ends with it.
    os.setpgrp()
    threading.Thread(target=_end_with, args=(sweep,), daemon=True).start()
    # What was imported before stays, and is no garbage.
    gc.freeze()
    output = os.open(folder / _OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (_STANDARD_OUTPUT, _STANDARD_ERROR):
        os.dup2(output, stream)
    try:
        text = json.dumps(run(family, folder / "generated").as_json())
    except Exception as error:  # a defect of the tool or of upstream; the sweep must go on and name it
        traceback.print_exc()
        sys.stderr.flush()
        failed = FamilyResult(family, FAILED, reason=_one_line(error), detail=_last_lines(folder))
        text = json.dumps(failed.as_json())
    write_whole(folder / _RESULT, text)
    # Nothing that libraries do on their way out can take the result back, or keep the sweep waiting.
    os._exit(0)


def _end_with(sweep: BaseProcess) -> None:
    """Wait until the process that sweeps is gone, however it ended; then end this one and all it started."""
    sweep.join()
    os.killpg(0, signal.SIGKILL)


def _is_over(item: _Running, time_limit: float) -> bool:
    return not item.process.is_alive() or item.seconds > time_limit


def _result(item: _Running, time_limit: float) -> FamilyResult:
    """What the worker left behind, or how it ended without leaving anything."""
    hung = item.process.is_alive()
    _end(item.process)
    found = item.folder / _RESULT
    if found.is_file():
        result = FamilyResult.from_json(json.loads(found.read_text("utf-8")))
    else:
        reason = f"not done after {time_limit:g} s, ended" if hung else _ending(item.process.exitcode)
        result = FamilyResult(
            item.family, FAILED, seconds=round(item.seconds, 1), reason=reason, detail=_last_lines(item.folder)
        )
    shutil.rmtree(item.folder, ignore_errors=True)
    return result


def _end(process: BaseProcess) -> None:
    """End a process that may be over, and whatever it started and left behind."""
    assert process.pid is not None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    # For one that has not got as far as having a group.
    process.kill()
    process.join()


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = _SIGNALS.get(-exit_code, f"signal {-exit_code}")
        # The kernel ends the process that asks for memory when there is none left.
        return f"the process was ended by {name}" + (", perhaps out of memory" if name == "SIGKILL" else "")
    return f"the process ended with exit code {exit_code} and no result"


def _one_line(error: Exception) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _last_lines(folder: Path) -> str:
    try:
        with (folder / _OUTPUT).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _SHOWN_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-_SHOWN_LINES:])
