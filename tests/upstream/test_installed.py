"""The installed transformers: there, not there, or only half."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream.transformers_text import installed_transformers
from tests.upstream.conftest import TreeMaker


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that packages are found in, for a process that has not imported transformers."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    importlib.invalidate_caches()
    return tmp_path


def record_as_installed(site: Path) -> None:
    folder = site / "transformers-9.8.7.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: transformers\nVersion: 9.8.7\n")


def message() -> str:
    with pytest.raises(UsageError) as caught:
        installed_transformers()
    return str(caught.value)


def test_installed(site: Path, make_tree: TreeMaker) -> None:
    make_tree(site)
    tree = installed_transformers()
    assert (tree.root, tree.version) == (site / "transformers", "9.8.7")
    assert "transformers" not in sys.modules


def test_not_installed(site: Path) -> None:
    assert message() == (
        "transformers is not installed.\n"
        "Install it (pip install 'qeff_codegen[run]'), "
        "or take another source: --transformers VERSION, or --source PATH."
    )


def test_recorded_without_files(site: Path) -> None:
    record_as_installed(site)
    assert message() == (
        "transformers is only half installed: it lacks __init__.py and models/auto/modeling_auto.py.\n"
        "Install it again (pip install --force-reinstall transformers), "
        "or take another source: --transformers VERSION, or --source PATH."
    )


@pytest.mark.parametrize("missing", ["models/auto/modeling_auto.py", "__init__.py"])
def test_files_are_missing(site: Path, make_tree: TreeMaker, missing: str) -> None:
    make_tree(site, without=(missing,))
    first = message().splitlines()[0]
    assert first == f"transformers is only half installed in {site}/transformers: it lacks {missing}."
