"""Where what the last sweep found is read from: a checkout's documentation, or what an installation brings along."""

from __future__ import annotations

import tomllib

from qeff_codegen.coverage.known import COVERAGE, SURVEY
from tests.imports import ROOT


def test_an_installation_brings_both_files_along() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["data-files"]
    assert {ROOT / path for path in data["share/qeff_codegen"]} == {COVERAGE, SURVEY}
