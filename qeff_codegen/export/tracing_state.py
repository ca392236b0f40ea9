"""Whether the TorchScript exporter traces what is computed, and how it is kept from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def is_traced() -> bool:
    """Whether the TorchScript exporter traces what is computed now, and has not put it aside for an operator."""
    internals: Any = torch._C
    return internals._get_tracing_state() is not None


def tracer_allowed() -> Any:
    """A guard within which operators may be traced: while a mode sees one, none may."""
    internals: Any = torch._C
    include, exclude = internals._dispatch_tls_local_include_set(), internals._dispatch_tls_local_exclude_set()
    return internals._ForceDispatchKeyGuard(include, exclude.remove(internals._dispatch_key_parse("Tracer")))


@contextmanager
def not_traced() -> Iterator[None]:
    """Nothing that is computed here is part of what the TorchScript exporter traces."""
    internals: Any = torch._C
    tracing = internals._get_tracing_state()
    if tracing is None:
        yield
        return
    # Where none may be traced, the state may not even be put aside.
    with tracer_allowed():
        internals._set_tracing_state(None)
        try:
            yield
        finally:
            internals._set_tracing_state(tracing)
