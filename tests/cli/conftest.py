"""The command line as its users call it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `python -m qeff_codegen ARGUMENTS` in an empty folder; a bug's exception is not hidden."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        return CliRunner(catch_exceptions=False).invoke(main, list(arguments), prog_name="python -m qeff_codegen")

    return call
