"""Numbers and lists in README and docs that follow from what is checked in are as they would be written now."""

from __future__ import annotations

import re

import pytest

from tests.docs.written import FACTS, marks, not_current, pages, written

PAGE = "a <!-- written: count -->old<!-- end --> b\n\n<!-- written: list -->\nx,\ny\n<!-- end -->\n"


def test_the_pages_are_as_make_docs_writes_them() -> None:
    assert not_current() == "", "run `make docs` and read the diff"


def test_every_fact_stands_somewhere() -> None:
    assert {name for path in pages() for name in marks(path.read_text("utf-8"))} == set(FACTS)


def test_every_mark_has_an_end() -> None:
    for path in pages():
        text = path.read_text("utf-8")
        assert text.count("<!-- written: ") == text.count("<!-- end -->") == len(marks(text)), path


def test_a_mark_in_a_paragraph_begins_no_line() -> None:
    """Markdown takes a line that begins with a comment out of its paragraph."""
    for path in pages():
        for line in path.read_text("utf-8").splitlines():
            assert not line.startswith("<!--") or re.fullmatch(r"<!--[^>]*-->", line), f"{path}: {line}"


def test_only_what_is_marked_is_written() -> None:
    now = written(PAGE, {"count": lambda: "7", "list": lambda: "\nz\n"})
    assert now == "a <!-- written: count -->7<!-- end --> b\n\n<!-- written: list -->\nz\n<!-- end -->\n"
    with pytest.raises(KeyError):
        written(PAGE, {"count": lambda: "7"})
