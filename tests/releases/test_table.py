"""The table of families: written as a log, read as releases, and current in this package."""

from __future__ import annotations

import json
from importlib.resources import files

from qeff_codegen.releases.table import FILE_NAME, Release, load_table, parse, render
from qeff_codegen.releases.versions import minor
from qeff_codegen.upstream.pin import pinned_version
from tests.releases.conftest import TABLE


def test_what_is_written_is_read() -> None:
    assert parse(render(TABLE)) == TABLE


def test_a_release_is_what_it_changed() -> None:
    assert json.loads(render(TABLE))["releases"][2:] == [
        {
            "causal_lm": {"oak": "OakForCausalLM"},
            "gone": ["fir", "old-oak"],
            "version": "5.1.3",
            "without_causal_lm": [],
        },
        {
            "causal_lm": {
                "ash": "AshForCausalLM",
                "damson": "PlumForCausalLM",
                "fir": "FirForCausalLM",
                "yew_text": "YewForCausalLM",
            },
            "gone": ["yew_vision"],
            "version": "5.10.4",
            "without_causal_lm": [],
        },
    ]


def test_a_new_release_changes_no_line_before_it() -> None:
    before, after = (render(table).splitlines() for table in (TABLE[:-1], TABLE))
    assert after[: len(before) - 3] == before[:-3]


def test_a_causal_lm_may_be_lost_and_its_class_exchanged() -> None:
    table = (
        Release("5.0.0", {"elm": "ElmForCausalLM", "oak": "OakForCausalLM"}, frozenset()),
        Release("5.1.0", {"elm": "ElmTextForCausalLM"}, frozenset({"oak"})),
    )
    assert parse(render(table)) == table


def test_the_package_has_every_minor_release_and_the_pinned_one() -> None:
    table = load_table()
    minors = [minor(release.version) for release in table]
    assert minors[:18] == [(4, number) for number in range(40, 58)]
    assert minors[18:] == [(5, number) for number in range(len(minors) - 18)]
    assert minor(pinned_version()) in minors
    assert table[-1].causal_lm["llama"] == "LlamaForCausalLM"


def test_the_file_is_as_the_collector_writes_it() -> None:
    assert (files("qeff_codegen.releases") / FILE_NAME).read_text("utf-8") == render(load_table())
