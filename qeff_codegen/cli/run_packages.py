"""The packages that running a model needs; generating does without them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from qeff_codegen.errors import UsageError
from qeff_codegen.garbage import no_garbage_collection
from qeff_codegen.stopping import importing


@contextmanager
def run_packages(what: str) -> Iterator[None]:
    """The body imports them; Ctrl-C waits meanwhile, and nobody looks for garbage, then or later, in what stays.

    Args:
        what: what needs them, as a message begins with it.

    Raises:
        UsageError: one is not installed.
    """
    try:
        with importing(), no_garbage_collection():
            yield
            gc.freeze()
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{what} needs the package `{error.name}`, which is not installed.\n"
            "Run `pip install 'qeff_codegen[run]'`; generating works without it."
        ) from error
