"""The pin is read from the installed package's metadata."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream import pin


def test_the_version_of_the_run_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["click<9,>=8.1", 'torch==2.13.0; extra == "run"', 'transformers==5.6.7; extra == "run"']
    monkeypatch.setattr(pin, "requires", lambda name: lines if name == "qeff_codegen" else None)
    assert pin.pinned_version() == "5.6.7"


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(pin, "requires", missing)
    with pytest.raises(UsageError, match=r"is not known\.\nRun pip install -e \.$"):
        pin.pinned_version()
