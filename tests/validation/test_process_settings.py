"""Settings of a process are set, and given back."""

from __future__ import annotations

import logging

import pytest
import torch
from transformers.utils import logging as transformers_logging

from qeff_codegen.validation.process_settings import one_thread, quiet_upstream


@pytest.mark.parametrize("error", [None, KeyError])
def test_one_thread_gives_the_threads_back(error: type[Exception] | None) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
            if error is not None:
                raise error
    except KeyError:
        pass
    finally:
        found = torch.get_num_threads()
        torch.set_num_threads(before)
    assert found == 3


def test_upstream_is_quiet() -> None:
    before = transformers_logging.get_verbosity()
    try:
        transformers_logging.set_verbosity_warning()
        quiet_upstream()
        assert not transformers_logging.get_logger("transformers.models.llama").isEnabledFor(logging.WARNING)
        assert not transformers_logging.is_progress_bar_enabled()
    finally:
        transformers_logging.set_verbosity(before)
        transformers_logging.enable_progress_bar()
