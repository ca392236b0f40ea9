"""Run the same command with another release of transformers, which a model's own code may be written for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from qeff_codegen.environments.release import OLDEST, is_too_old, release_python
from qeff_codegen.errors import UsageError

OPTION = "--transformers"


def run_in(release: str, arguments: Sequence[str] | None = None) -> int | None:
    """Run this process's command under `release`, and give its exit code; None where that is the one installed.

    Args:
        release: a version of transformers.
        arguments: the command line; this process's own unless it is given.

    Raises:
        UsageError: there is no such release, it is too old, or its environment cannot be made.
    """
    try:
        if version("transformers") == release:
            return None
    except PackageNotFoundError:
        pass
    if is_too_old(release):
        raise UsageError(
            f"Generated code does not run with transformers {release}: its runtime knows the caches of {OLDEST} and "
            f"later.\nTry {OPTION} {OLDEST}, which has much of what files for older releases import, or bring the "
            "file to the installed one."
        )
    words = list(sys.argv[1:] if arguments is None else arguments)
    place = next(index for index, word in enumerate(words) if word.split("=")[0] == OPTION)
    del words[place : place + (1 if "=" in words[place] else 2)]
    return subprocess.run([str(release_python(release)), "-m", "qeff_codegen", *words], check=False).returncode
