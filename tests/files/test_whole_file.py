"""A file is written whole, or what was there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.files.whole_file import write_whole


def test_a_text_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "page"
    write_whole(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "after \ud800")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
