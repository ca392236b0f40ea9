"""How a process runs that validates tiny models: on one thread, and without upstream's warnings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers.utils import logging as transformers_logging


def quiet_upstream() -> None:
    """Upstream warns about the odd values of tiny configurations; they are meant."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


@contextmanager
def one_thread() -> Iterator[None]:
    """Tiny tensors are computed faster by one thread than shared between several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
