"""The command line in an empty folder, with the two checkpoints that bring their code along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from tests.remote.boulder import write_boulder
from tests.remote.pebble import write_pebble

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `python -m qeff_codegen ARGUMENTS` in a folder that holds `pebble` and `boulder`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    write_pebble(tmp_path / "pebble")
    write_boulder(tmp_path / "boulder")

    def call(*arguments: str) -> Result:
        return CliRunner(catch_exceptions=False).invoke(main, list(arguments), prog_name="python -m qeff_codegen")

    return call
