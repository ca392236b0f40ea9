"""Who listens while weights are written is told how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Takes how many bytes are written, and how many there will be.
Listener = Callable[[int, int], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("who is told of written bytes", default=None)


@contextmanager
def told_of_written_bytes(listener: Listener) -> Iterator[None]:
    """Tells `listener` before each weight that is written in this context, and at the end of each file."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell_written(done: int, total: int) -> None:
    """Says that `done` bytes of weights are written of `total`."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(done, total)
