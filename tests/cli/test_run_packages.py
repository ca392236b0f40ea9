"""What a command says of a package that is missing, and what it leaves behind."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from qeff_codegen.cli.run_packages import named_if_missing, run_packages
from qeff_codegen.errors import UsageError


@pytest.mark.parametrize("context", [named_if_missing, run_packages])
def test_a_package_that_is_missing_is_named(context: Callable[[str], AbstractContextManager[None]]) -> None:
    said = r"^Gardening needs the package `plum`, .*\n.*pip install"
    with pytest.raises(UsageError, match=said), context("Gardening"):
        raise ModuleNotFoundError("No module named 'plum'", name="plum")
    assert gc.isenabled()


def test_what_is_imported_is_frozen_once() -> None:
    seen = []
    with run_packages("Gardening"):
        seen.append(gc.isenabled())
    frozen = gc.get_freeze_count()
    with run_packages("Gardening"):
        pass
    assert seen == [False] and gc.isenabled()
    assert gc.get_freeze_count() == frozen > 0
