"""The packages that running a model needs; generating does without them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from qeff_codegen.errors import UsageError
from qeff_codegen.garbage import no_garbage_collection
from qeff_codegen.stopping import importing


@contextmanager
def named_if_missing(what: str) -> Iterator[None]:
    """Says which package is missing, and how to get it.

    Args:
        what: what needs it, as a message begins with it.

    Raises:
        UsageError: the body did not find a package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{what} needs the package `{error.name}`, which is not installed.\n"
            "Run `pip install 'qeff_codegen[run]'`; generating works without it."
        ) from error


@contextmanager
def run_packages(what: str) -> Iterator[None]:
    """The body imports them, while Ctrl-C waits.

    They make a million objects that stay until the end. Nobody looks for garbage among them, then or later: it would
    take a second before the first token, and another at the end.

    Args:
        what: what needs them, as a message begins with it.

    Raises:
        UsageError: one is not installed.
    """
    with named_if_missing(what), importing(), no_garbage_collection():
        yield
    if not gc.get_freeze_count():
        gc.freeze()
