"""Ctrl-C ends a command within a second, also while libraries compute for longer without looking at signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from qeff_codegen.errors import EXIT_STOPPED

# What a command has to put things in order, after Ctrl-C and before it is ended.
GRACE_SECONDS = 0.4
_said = threading.Event()


def say_stopped() -> None:
    """Say, once, that the command was stopped."""
    if not _said.is_set():
        _said.set()
        sys.stderr.write("\nStopped.\n")
        sys.stderr.flush()


@contextmanager
def stops_within_a_second() -> Iterator[None]:
    """Ends the process some time after Ctrl-C, if it has not ended in its own way by then.

    For what only writes whole files or folders: a process that is ended leaves nothing that looks finished.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_end_after_ctrl_c, args=(reader,), daemon=True).start()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)


@contextmanager
def importing() -> Iterator[None]:
    """Lets Ctrl-C wait while modules of C++ are imported: some end with an abort when it comes in between."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def wait(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    before = signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


def _end_after_ctrl_c(reader: int) -> None:
    """The life of the thread that watches: until Ctrl-C, or until nobody can write to it any more."""
    with open(reader, "rb", buffering=0) as numbers:
        while received := numbers.read(1):
            if received[0] == signal.SIGINT:
                time.sleep(GRACE_SECONDS)
                say_stopped()
                os._exit(EXIT_STOPPED)
