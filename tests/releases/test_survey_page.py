"""The survey as people and as machines read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.releases.neighbours import ReleaseShare
from qeff_codegen.releases.survey_page import as_json, as_markdown, write_survey
from qeff_codegen.releases.verdict import Verdict

NO = Verdict("anatomy", "a | b", "transformers/models/elm/modeling_elm.py:7")
LATER = Verdict("anatomy", "a | b", "transformers/models/elm/modeling_elm.py:9")
OTHER = Verdict("no_loss", "a loss", "transformers/models/elm/modeling_elm.py:8")
FOUND = (
    ReleaseShare("5.0.0", 5, ("elm", "fir", "oak", "yew"), {"elm": NO}, outside=1),
    ReleaseShare("5.1.0", 4, ("elm", "fir"), {"elm": LATER}),
    ReleaseShare("5.2.0", 4, ("elm", "fir"), {"elm": OTHER}),
    ReleaseShare("5.3.0", 4, ("elm", "fir"), {"elm": LATER}),
    ReleaseShare("5.4.0", 4, ("elm", "fir"), {}),
)


def test_a_line_for_each_release_and_one_for_each_reason() -> None:
    text = as_markdown(FOUND, "5.4.0")
    assert "supported at 5.4.0, the release that was swept" in text
    assert "| 5.0.0 | 5 | 4 | 3 | 75.0% | 1 |\n| 5.1.0 | 4 | 2 | 1 | 50.0% | 0 |\n" in text
    assert "Over all of them: 8 of 12, 66.7%. The least: 50.0%, in 5.1.0.\n" in text
    assert text.endswith(
        "| family | releases | refused by | why | where |\n|---|---|---|---|---|\n"
        "| elm | 5.0.0 to 5.1.0, 5.3.0 | `anatomy` | a \\| b | elm/modeling_elm.py:7 |\n"
        "| elm | 5.2.0 | `no_loss` | a loss | elm/modeling_elm.py:8 |\n"
    )


def test_without_refusals_there_is_no_list_of_them() -> None:
    assert "## Refused" not in as_markdown(FOUND[-1:], "5.4.0")


def test_as_json() -> None:
    document = json.loads(as_json(FOUND, "5.4.0"))
    assert document["pinned"] == "5.4.0"
    assert document["releases"][0] == {
        "release": "5.0.0",
        "families": 5,
        "population": 4,
        "generated": 3,
        "share": 0.75,
        "besides": 1,
        "generated_families": ["fir", "oak", "yew"],
        "refused": [{"family": "elm", "rule": "anatomy", "reason": "a | b", "place": NO.place}],
    }


def test_both_files_are_written_or_it_is_said_why_not(tmp_path: Path) -> None:
    assert [path.name for path in write_survey(FOUND, tmp_path / "docs", "5.4.0")] == ["releases.md", "releases.json"]
    assert (tmp_path / "docs" / "releases.json").read_text("utf-8") == as_json(FOUND, "5.4.0")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"Choose another folder with --output\.$"):
        write_survey(FOUND, tmp_path / "file", "5.4.0")
