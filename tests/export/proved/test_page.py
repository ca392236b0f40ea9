"""docs/operators.md is what the table of proved translations says."""

from __future__ import annotations

from tests.export.proved.page import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python -m tests.export.proved.page`"
