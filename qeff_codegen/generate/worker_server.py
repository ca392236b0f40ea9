"""The server that worker processes are forked from, and how they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext

from qeff_codegen.errors import EXIT_STOPPED

_SETUP = "qeff_codegen.generate.stoppable_server"


def start_server(context: ForkServerContext, preload: Sequence[str]) -> None:
    """Start the server that workers are forked from, which Ctrl-C ends without a word.

    Args:
        preload: modules that every worker needs.
    """
    context.set_forkserver_preload([_SETUP, *preload])
    # Its standard companion, which would unblock the signal.
    resource_tracker.ensure_running()
    # Ctrl-C waits until `_SETUP` is imported.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def end_with_parent() -> None:
    """Run first in a worker: ends it once the process that it works for has ended, however that came about.

    One that is being started is nobody's child yet where Ctrl-C comes in between; it would wait for work for ever.
    """
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(EXIT_STOPPED)


@contextmanager
def ended_with_us() -> Iterator[None]:
    """Ends the processes that were started meanwhile, where this is left early: nobody waits for what they are at."""
    before = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        for worker in set(multiprocessing.active_children()) - before:
            worker.kill()
        raise
