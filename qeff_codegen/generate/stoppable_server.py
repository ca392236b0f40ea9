"""Imported first by the server that workers are forked from, and by nothing else.

What follows takes seconds to import, and Ctrl-C reaches the server too. By default it ends a process without a word;
Python's own handler would end it with a traceback.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
