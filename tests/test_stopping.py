"""Ctrl-C while libraries do not look, while modules are imported, and while workers work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from qeff_codegen.generate.worker_server import ended_with_us
from qeff_codegen.stopping import importing, stops_within_a_second
from tests.imports import ROOT

LONG = 600
# Python's handler is not called while code that is not Python runs; here nothing ever comes of it.
DEAF = f"""
import os, signal, time
from qeff_codegen.stopping import stops_within_a_second
with stops_within_a_second():
    signal.signal(signal.SIGINT, lambda *_: None)
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range({LONG}):
        time.sleep(1)
print("it went on")
"""


# It has a worker that waits for work, and is killed before it can end it.
WITH_A_WORKER = f"""
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from qeff_codegen.generate.worker_server import end_with_parent, start_server
context = multiprocessing.get_context("forkserver")
start_server(context, [])
pool = ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent)
print(pool.submit(os.getpid).result(), flush=True)
time.sleep({LONG})
"""


def test_no_worker_outlives_who_started_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", WITH_A_WORKER], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert int(process.stdout.readline()) > 0
    process.kill()
    # The worker has this end of the pipe as well.
    assert process.communicate(timeout=LONG)[0] == ""


def test_what_does_not_look_at_signals_is_ended() -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", DEAF], capture_output=True, text=True, check=False, cwd=ROOT, timeout=LONG
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (130, "", "\nStopped.\n")


def test_another_signal_ends_nothing() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with stops_within_a_second():
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_import_is_not_interrupted_but_what_follows_is() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), importing():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("imported")
    assert done == ["imported"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_workers_end_with_whoever_is_stopped() -> None:
    worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(LONG,))
    with pytest.raises(KeyboardInterrupt), ended_with_us():
        worker.start()
        raise KeyboardInterrupt
    worker.join(LONG)
    assert worker.exitcode == -signal.SIGKILL


def test_workers_that_are_waited_for_are_left_alone() -> None:
    worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0,))
    with ended_with_us():
        worker.start()
        worker.join()
    assert worker.exitcode == 0
