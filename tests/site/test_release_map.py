"""Which family is generated from which release."""

from __future__ import annotations

import json
from pathlib import Path

from qeff_codegen.releases.table import load_table
from qeff_codegen.site.release_map import Cell, release_map
from tests.site.conftest import SURVEYED, SWEPT, TABLE, VERSION

DOCS = Path(__file__).resolve().parents[2] / "docs"
NO_LOOP = Cell("refused", "no `loop`", "anatomy", "transformers/elm.py:3")


def test_a_cell_for_each_family_and_release() -> None:
    found = release_map(SURVEYED, TABLE, SWEPT, VERSION)
    assert found.releases == ("9.0.0", VERSION)
    assert found.rows["tiny"] == (Cell("supported"), Cell("supported"))
    assert found.rows["gone"] == (Cell("refused"), Cell("not there")), "of others the survey keeps no reason"
    assert found.rows["elm"][0] == NO_LOOP
    assert found.rows["elm"][1].reason == "`ElmMixer` keeps a state: `self.conv`", "the sweep knows that one"
    assert found.rows["fir"][0] == Cell("not there")


def test_of_a_release_that_was_not_swept_the_sweep_knows_nothing() -> None:
    assert release_map(SURVEYED, TABLE, SWEPT, "9.2.0").rows["elm"] == (NO_LOOP, Cell("refused"))


def test_runs_of_the_same_cell() -> None:
    found = release_map(SURVEYED, TABLE, SWEPT, VERSION)
    assert found.spans("tiny") == (("9.0.0", VERSION, Cell("supported")),)
    assert [(first, last) for first, last, _ in found.spans("elm")] == [("9.0.0", "9.0.0"), (VERSION, VERSION)]


def test_the_survey_that_is_checked_in_names_as_many_families_as_it_counts() -> None:
    survey = json.loads((DOCS / "releases.json").read_text("utf-8"))["releases"]
    found = release_map(survey, load_table(), (), "")
    for place, record in enumerate(survey):
        states = [row[place].state for row in found.rows.values()]
        assert states.count("supported") == record["generated"]
        assert states.count("supported") + states.count("refused") == record["families"]
