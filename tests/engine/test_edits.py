"""Every line that differs from upstream's belongs to a rule, and says which upstream lines it stands for."""

from __future__ import annotations

import pytest

from qeff_codegen.emit.steps import STEPS
from qeff_codegen.generate.one_model import generate_model, rule_summaries
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model

# Decides mapping entries, which stand in another file.
WITHOUT_A_LINE = {"custom_rms_norm"}


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> GeneratedModel:
    return generate_model(find_model(request.param))


def made_by_rules(model: GeneratedModel) -> set[int]:
    return {
        line
        for edit in model.edits
        if edit.generated_lines is not None
        for line in range(edit.generated_lines[0], edit.generated_lines[1] + 1)
    }


def test_a_line_without_an_edit_is_upstreams_own(model: GeneratedModel) -> None:
    upstream = {line.strip() for line in model.upstream.source.splitlines()}
    own = [
        line
        for number, line in enumerate(model.code.splitlines(), start=1)
        if number not in made_by_rules(model) and line.strip() not in upstream
    ]
    assert own == []


def test_edits_stay_within_both_files(model: GeneratedModel) -> None:
    for edit in model.edits:
        for span, text in ((edit.upstream_lines, model.upstream.source), (edit.generated_lines, model.code)):
            assert span is None or 1 <= span[0] <= span[1] <= len(text.splitlines())
        assert edit.upstream_lines is not None or edit.generated_lines is not None


def test_an_edit_covers_no_line_that_it_did_not_change() -> None:
    """Two licence blocks with text between them, and a rule that wrote across what another one had removed."""
    for name in ("qwen3", "falcon"):
        model = generate_model(find_model(name))
        own = {number for number in model.origins if number is not None}
        covered = [edit.upstream_lines for edit in model.edits if edit.upstream_lines is not None]
        assert not any(own & set(range(first, last + 1)) for first, last in covered)


def test_edits_name_rules_and_functions(model: GeneratedModel) -> None:
    assert {edit.rule for edit in model.edits} <= set(rule_summaries()) | set(STEPS)
    for edit in model.edits:
        if edit.rule not in STEPS:
            assert edit.function, edit


def test_every_rule_that_matched_has_an_edit(model: GeneratedModel) -> None:
    matched = {rule for rule, places in model.rules if places} - WITHOUT_A_LINE
    assert matched <= {edit.rule for edit in model.edits}


def test_a_known_hunk(model: GeneratedModel) -> None:
    code, upstream = model.code.splitlines(), model.upstream.source.splitlines()
    (edit,) = (edit for edit in model.edits if edit.rule == "boolean_mask" and "eager" in edit.function)
    assert edit.generated_lines is not None and edit.upstream_lines is not None
    assert "torch.where(attention_mask" in code[edit.generated_lines[0] - 1]
    assert upstream[edit.upstream_lines[0] - 1].strip() == "attn_weights = attn_weights + attention_mask"
