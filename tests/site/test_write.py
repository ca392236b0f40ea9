"""The folder of the site: all of it or nothing, and nothing of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.site.build import write_site
from qeff_codegen.site.pages import GENERATOR

TEXTS = {"index.html": f"<head>{GENERATOR}", "families/elm.html": "elm", "review/elm.html": "review"}


def held(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_pages_of_an_earlier_site_go(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "site"
    write_site({**TEXTS, "families/fir.html": "fir"}, folder)
    write_site(TEXTS, folder)
    assert held(folder) == TEXTS


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "mine.html").write_text("mine")
    with pytest.raises(UsageError, match=r"holds other files\. Choose a folder for the site alone with --output\.$"):
        write_site(TEXTS, tmp_path)
    assert held(tmp_path) == {"index.html": "mine", "families/mine.html": "mine"}


def test_nothing_is_half_written(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    write_site(TEXTS, folder)
    (folder / "style.css").mkdir()
    with pytest.raises(UsageError, match=r"cannot be written: .*Choose another with --output\.$"):
        write_site({"index.html": "other", "style.css": "taken by a folder"}, folder)
    assert held(folder) == TEXTS
