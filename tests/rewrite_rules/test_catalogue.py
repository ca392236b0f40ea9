"""The checked-in catalogue is what the rules and their examples give."""

from __future__ import annotations

from tests.rewrite_rules.catalogue import CATALOGUE, catalogue


def test_catalogue_is_current() -> None:
    assert CATALOGUE.read_text() == catalogue(), "run `make docs` and read the diff"
