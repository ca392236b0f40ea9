"""Small releases of transformers, as wheels in the cache folder, where pip would have put them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from qeff_codegen.releases.table import Release

ReleaseMaker = Callable[[str, Mapping[str, str], Mapping[str, str]], Path]

# Families that are always there, gone, renamed, taken over by another, late, and away for one release.
TABLE = (
    Release("4.40.2", {"elm": "ElmForCausalLM", "sloe": "PlumForCausalLM", "plum": "PlumForCausalLM"}, frozenset()),
    Release(
        "5.0.0",
        {
            "elm": "ElmForCausalLM",
            "old-oak": "OakForCausalLM",
            "plum": "PlumForCausalLM",
            "fir": "FirForCausalLM",
        },
        frozenset({"ash", "yew", "yew_vision"}),
    ),
    Release(
        "5.1.3",
        {"elm": "ElmForCausalLM", "oak": "OakForCausalLM", "plum": "PlumForCausalLM"},
        frozenset({"ash", "yew", "yew_vision"}),
    ),
    Release(
        "5.10.4",
        {
            "ash": "AshForCausalLM",
            "elm": "ElmForCausalLM",
            "damson": "PlumForCausalLM",
            "fir": "FirForCausalLM",
            "oak": "OakForCausalLM",
            "plum": "PlumForCausalLM",
            "yew_text": "YewForCausalLM",
        },
        frozenset({"yew"}),
    ),
)


@pytest.fixture
def make_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReleaseMaker:
    """Writes the wheel of a version with the auto tables given as text, and other files."""
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))

    def make(version: str, auto: Mapping[str, str], others: Mapping[str, str]) -> Path:
        path = tmp_path / "cache" / "transformers" / f"transformers-{version}-py3-none-any.whl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("transformers/__init__.py", f'__version__ = "{version}"\n')
            for name, text in auto.items():
                archive.writestr(f"transformers/models/auto/{name}", text)
            for name, text in others.items():
                archive.writestr(f"transformers/models/{name}", text)
        return path

    return make
