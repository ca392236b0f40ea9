"""Runs every family in a process of its own, so that none can stop or spoil the others."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from qeff_codegen.sweep.result import FAILED, FamilyResult

# What a worker runs: a family's name and an empty folder, to its result. It must be a function of a module, or a
# `functools.partial` of one: it is sent to another process.
FamilyRunner = Callable[[str, Path], FamilyResult]

_RESULT = "result.json"
_OUTPUT = "output.txt"
_SHOWN_LINES = 12
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Started:
    """Progress: a family's process has begun."""

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
) -> Iterator[Started | Finished]:
    """Run `run` on every family, `jobs` at a time, and yield progress as it happens.

    Processes are forked from a server that has imported `preload` and done nothing else, so that each starts at once
    and none inherits another's state.

    Args:
        time_limit: seconds after which a family's process is ended.
        scratch: a folder for the families' folders; each is deleted when its family is done.
        preload: modules that every worker needs.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    waiting = list(families)
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_start(context, waiting.pop(0), run, scratch))
                yield Started(running[-1].family)
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
    process.start()
    return _Running(family, folder, process, time.monotonic())


def _work(family: str, run: FamilyRunner, folder: Path) -> None:
    """The worker's life: its output goes to a file, its result to another, which appears whole or not at all."""
    output = os.open(folder / _OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    try:
        result = run(family, folder / "generated")
    except Exception as error:  # a defect of the tool or of upstream; the sweep must go on and name it
        traceback.print_exc()
        sys.stderr.flush()
        result = FamilyResult(family, FAILED, reason=_one_line(error), detail=_last_lines(folder))
    partial = folder / f"{_RESULT}.partial"
    partial.write_text(json.dumps(result.as_json()), "utf-8")
    os.replace(partial, folder / _RESULT)


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
    if process.is_alive():
        process.kill()
    process.join()


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        # The kernel ends the process that asks for memory when there is none left.
        return f"the process was ended by {name}" + (", perhaps out of memory" if name == "SIGKILL" else "")
    return f"the process ended with exit code {exit_code} and no result"


def _one_line(error: Exception) -> str:
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _last_lines(folder: Path) -> str:
    try:
        text = (folder / _OUTPUT).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-_SHOWN_LINES:])
