from __future__ import annotations

import pytest
import torch

from qeff_codegen.tiny_models.families import Family, find_family


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mistral_family() -> Family:
    return find_family("mistral")
