"""A process for a checkout imports QEfficient from there, and of ours this package alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import qeff_codegen
from qeff_codegen.checkout.environment import environment_for


def test_nothing_that_lies_beside_our_package_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    monkeypatch.setenv("PYTHONHOME", "/ours")
    checkout, folder = tmp_path / "checkout", tmp_path / "folder"
    folder.mkdir()
    environment = environment_for(checkout, folder)
    first, ours = map(Path, environment["PYTHONPATH"].split(os.pathsep))
    assert first == checkout
    (package,) = ours.iterdir()
    assert (package.name, package.resolve()) == ("qeff_codegen", Path(str(qeff_codegen.__file__)).parent.resolve())
    assert "PYTHONHOME" not in environment
    for variable in ("QEFF_HOME", "TMPDIR"):
        assert Path(environment[variable]).is_relative_to(folder)
