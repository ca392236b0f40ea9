"""A command on a terminal of a given width."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading

from tests.imports import ROOT

# Colours and links.
STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\]8;[^\x1b]*\x1b\\|\r")


def in_terminal(width: int, *arguments: str) -> str:
    """What `python ARGUMENTS` writes to a terminal that is `width` columns wide."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(width), "TERM": "xterm"}
    written: list[bytes] = []
    reader = threading.Thread(target=_read, args=(ours, written))
    reader.start()
    subprocess.run([sys.executable, *arguments], stdout=theirs, env=environment, check=True, cwd=ROOT)
    os.close(theirs)
    reader.join()
    os.close(ours)
    return b"".join(written).decode()


def _read(terminal: int, written: list[bytes]) -> None:
    """Everything until nobody can write any more, which Linux reports as an error."""
    try:
        while text := os.read(terminal, 65536):
            written.append(text)
    except OSError:
        return
