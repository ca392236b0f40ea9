"""Options of the test suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept-examples",
        action="store_true",
        help="write what the rules give into the examples' after.py and refusal.txt; read the diff before committing",
    )
