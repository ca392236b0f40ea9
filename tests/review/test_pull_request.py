"""The pull request's body: what it says, what it ticks, and that GitHub takes it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review import pull_request
from qeff_codegen.review.checklist import checklist
from qeff_codegen.review.facts import Review, review_of
from qeff_codegen.review.pull_request import as_markdown
from qeff_codegen.upstream.find import find_model
from qeff_codegen.validation.results import EQUAL, NOT_RUN, REFERENCE, ScenarioResult, StageResult
from tests.review.test_record import record_of

ROOT = Path(__file__).resolve().parents[2]
STATUSES = (REFERENCE, EQUAL, EQUAL, NOT_RUN)
STAGES = tuple(StageResult(number, status) for number, status in enumerate(STATUSES, start=1))
SCENARIO = ScenarioResult("tiny", "base", "ragged batch", 1, 0.1, 1.0, 1.0, STAGES)


def test_it_has_everything_a_reviewer_asks_for(review: Review) -> None:
    text = as_markdown(review)
    headings = re.findall("^#+ (.*)$", text, re.MULTILINE)
    assert headings == [
        "`tiny`",
        "Recognised",
        "Rules that fired",
        "Mapping entries",
        "Validation",
        "Checklist",
        "Hunks",
    ]
    assert "| attention | `TinyAttention` |" in text
    assert "| `TinyRMSNorm` | `CustomRMSNormAIC` | CustomOpsTransform |" in text
    assert "[boolean_mask](../blob/HEAD/docs/rules.md#boolean_mask)" in text


def test_a_hunk_is_a_diff_under_its_rules(review: Review) -> None:
    hunk = next(hunk for hunk in review.hunks if hunk.owners == ("boolean_mask",))
    assert (
        f"{review.why('boolean_mask')}\n"
        "\n"
        "```diff\n"
        f"@@ -{hunk.upstream.start} +{hunk.generated.start} @@ eager_attention_forward\n"
        "-        attn_weights = attn_weights + attention_mask\n"
        "+        attn_weights = torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, attn_weights)\n"
        "```\n"
    ) in as_markdown(review)


def test_code_with_fences_stays_inside_its_own(llama: GeneratedModel, tmp_path: Path) -> None:
    """Upstream's usage docstring, which a rule removes, has a fence of its own."""
    text = as_markdown(review_of(llama, tmp_path, tmp_path, {}))
    assert re.search(r"^-\s+```python$", text, re.MULTILINE)
    assert re.search(r"^````diff$(?:\n[-+@].*)+\n````$", text, re.MULTILINE)


def test_every_table_row_has_as_many_cells_as_its_header(review: Review) -> None:
    width = 0
    for line in as_markdown(review).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells == 0 or width in (0, cells), line
        width = cells


def test_what_would_be_too_long_is_left_out_and_said(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = as_markdown(review)
    assert "would not fit" not in whole
    monkeypatch.setattr(pull_request, "GITHUB_LIMIT", len(whole.encode()) - 100)
    shorter = as_markdown(review)
    assert len(shorter.encode()) < pull_request.GITHUB_LIMIT
    shown = len(re.findall("^@@ ", shorter, re.MULTILINE))
    left_out = re.search(r"^(\d+) more hunks would not fit here. To see them: `(.*)`\.$", shorter, re.MULTILINE)
    assert left_out is not None and left_out[2] == "python -m qeff_codegen review tiny"
    assert shown + int(left_out[1]) == len(review.hunks)


def test_a_large_model_fits(tmp_path: Path) -> None:
    model = generate_model(find_model("deepseek_v3"))
    assert len(as_markdown(review_of(model, tmp_path, tmp_path, {})).encode()) < 65_536


def test_nothing_is_ticked_that_is_not_known(review: Review) -> None:
    ticked = [item.text for item in checklist(review) if item.known]
    assert ticked == ["Every changed line belongs to a rule or a step of emission."]
    assert all(item.command for item in checklist(review) if not item.known)


def test_what_was_validated_is_ticked_and_stage_4_is_not(review: Review) -> None:
    proved = replace(review, records=(record_of(review.model, SCENARIO),), checked_in=True)
    text = as_markdown(proved)
    assert "- [x] `validate` ends with 0 for `tiny`.\n" in text
    assert "- [x] Generating ends with 0, and generating again leaves every file unchanged.\n" in text
    assert "| 2 QEff PyTorch | equal in 1 |" in text
    assert "| 4 Cloud AI 100 | not run in 1 |" in text
    assert "- [ ] Stage 4 was run on a device" in text


@pytest.mark.parametrize(
    ("status", "so_far"),
    [
        ("preflight passed, not run on hardware", "preflight passed, not run on hardware"),
        ("compiled, not run on hardware", "compiled, not run on hardware"),
        ("preflight failed", "preflight failed"),
    ],
)
def test_how_far_stage_4_went_is_said_and_never_ticked(review: Review, status: str, so_far: str) -> None:
    result = replace(SCENARIO, stages=(*STAGES[:3], StageResult(4, status)))
    text = as_markdown(replace(review, records=(record_of(review.model, result),)))
    assert f"- [ ] Stage 4 was run on a device. So far: {so_far}." in text
    assert f"| 4 Cloud AI 100 | {status} in 1 |" in text
    assert "Stages 1 to 3 equal in 1 of 1 scenarios" in text
    assert ("- [x] `validate` ends with 0" in text) == (status != "preflight failed")


def test_a_mismatch_is_not_ticked(review: Review) -> None:
    different = replace(SCENARIO, stages=(STAGES[0], StageResult(2, "different"), *STAGES[2:]))
    text = as_markdown(replace(review, records=(record_of(review.model, different),)))
    assert "- [ ] `validate` ends with 0 for `tiny`. Run: `python -m qeff_codegen validate tiny`\n" in text
    assert "Stages 1 to 3 **not equal** in 0 of 1 scenarios" in text


def test_the_checklist_is_the_onboarding_guides(review: Review) -> None:
    guide = (ROOT / "docs" / "onboarding_guide.md").read_text().split("## 7. Checklist")[1].split("## 8.")[0]
    asked = [line.removeprefix("- [ ] ") for line in guide.splitlines() if line.startswith("- [ ]")]
    told = " ".join(item.text for item in checklist(review))
    told = told.replace("`tiny`. `validate` ends with 0 for every other model", "the new model, and for every model")
    assert asked and [line for line in asked if line not in told] == []
