"""What the last sweep found is shown of the very code that it ran, and of no other."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.coverage.family_result import MISMATCH, SUPPORTED, FamilyResult
from qeff_codegen.coverage.known import Known, all_known
from qeff_codegen.coverage.page import as_json
from qeff_codegen.coverage.scenario_margins import ScenarioMargins
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.coverage.swept_code import SweptCode, code_of
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.facts import Review, review_of
from qeff_codegen.review.page import as_html
from qeff_codegen.review.pull_request import as_markdown
from qeff_codegen.validation import record as records
from qeff_codegen.validation.results import ScenarioResult, StageResult
from tests.review.test_page import Page
from tests.review.test_record import record_of

MARGINS = (ScenarioMargins("base", "ragged batch", 0.02, 0.4, 12.9), ScenarioMargins("a<b", "end", 0.1, None, None))
FOUND = FamilyResult("tiny", SUPPORTED, stages=3, scenarios=2, stage_4="not run", margins=MARGINS)
OTHER = SweptCode("upstream", "generated", "mappings")


def reviewed(model: GeneratedModel, folder: Path, result: FamilyResult) -> Review:
    return review_of(model, folder, folder, {result.family: Known("9.8.7", result)})


def tile(text: str) -> str:
    """What the head of a page says of validation, as text."""
    (found,) = re.findall(r"<dt>Validation</dt>\n(.*?)</div>", text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found).split())


def test_of_this_very_file_the_page_says_what_was_found(tiny: GeneratedModel, tmp_path: Path) -> None:
    review = reviewed(tiny, tmp_path, replace(FOUND, code=code_of(tiny)))
    text = as_html(review, None)
    Page(text)
    assert tile(text) == "equal Stages 1 to 3, 2 scenarios, in the last sweep, of this very file"
    assert "Stages 1 to 3 equal in every one of 2 scenarios" in text and "Not known here" not in text
    assert "<h3>tiny, transformers 9.8.7</h3>" in text
    assert '<th scope="row">a&lt;b</th>' in text and ">0.4</td>" in text and ">not run</td>" in text
    assert "in the last sweep, of this very file: Stages 1 to 3 equal in 2 of 2 scenarios." in as_markdown(review)


def test_of_another_file_nothing_is_known(tiny: GeneratedModel, tmp_path: Path) -> None:
    own = code_of(tiny)
    for code in (None, *(replace(own, **{name: "other"}) for name in vars(own))):
        review = reviewed(tiny, tmp_path, replace(FOUND, code=code))
        assert tile(as_html(review, None)) == "not known no run of this very code is on record"
        assert "Validation: not known for this very code" in as_markdown(review)


def test_what_the_sweep_found_wrong_is_said(tiny: GeneratedModel, tmp_path: Path) -> None:
    wrong = replace(FOUND, state=MISMATCH, reason="1 of 2 scenarios differ", detail="base: Stage 2 <differs>")
    text = as_html(reviewed(tiny, tmp_path, replace(wrong, code=code_of(tiny))), None)
    Page(text)
    assert tile(text) == "different see below"
    assert "base: Stage 2 &lt;differs&gt;" in text


def test_a_run_of_ones_own_counts_more(tiny: GeneratedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = (StageResult(1, "reference"), StageResult(2, "equal", 1e-6), StageResult(3, "equal", 2e-6))
    result = ScenarioResult("tiny", "base", "ragged batch", 1, 0.1, 1.0, 1.0, stages)
    monkeypatch.setattr(records, "_load", lambda _path: record_of(tiny, result))
    review = reviewed(tiny, tmp_path, replace(FOUND, code=code_of(tiny)))
    assert review.swept == ()
    assert tile(as_html(review, None)) == "equal Stages 1 to 3, 1 scenario"


def test_a_sweeps_document_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "coverage.json"
    assert all_known(path) == {}
    result = replace(FOUND, code=OTHER)
    path.write_text(as_json({TEXT: Swept("9.8.7", 3, (result,))}))
    assert all_known(path) == {"tiny": Known("9.8.7", result)}
    path.write_text(json.dumps({TEXT: {"transformers": "9.8.7", "families": [{"family": "tiny"}]}}))
    assert all_known(path) == {}
