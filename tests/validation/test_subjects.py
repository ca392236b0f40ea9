"""What is put through the stages is a sharp test, or says why it is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.tiny_models.families import Family, find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.validation import subjects
from qeff_codegen.validation.comparison import distinguishes
from qeff_codegen.validation.subjects import (
    MAX_SEEDS,
    WHOLE_PROMPTS_NOTE,
    Subject,
    _subject_with_seed,
    tiny_subject,
)


def without_attention(causal_lm_class: type[Any], config: Any, seed: int) -> Any:
    model = build_tiny_model(causal_lm_class, config, seed)
    for layer in model.model.layers:
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
    return model


def test_a_model_without_attention_is_noticed(mistral_family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "build_tiny_model", without_attention)
    subject = tiny_subject(mistral_family, variants(mistral_family)[1])
    assert subject.seed == MAX_SEEDS - 1, "every seed was tried"
    assert subject.sensitivity == 0.0
    assert subject.notes == (
        "mistral, window: an early token hardly moves the last logits, so a wrong mask could go unnoticed.",
    )


def test_another_seed_is_tried_when_choices_are_unclear(
    mistral_family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of two scenarios each; the first that is unclear decides.
    verdicts = iter([False, False, True, True])
    monkeypatch.setattr(subjects, "distinguishes", lambda _reference: next(verdicts))
    subject = tiny_subject(mistral_family, variants(mistral_family)[1])
    assert (subject.seed, subject.notes) == (2, ())
    monkeypatch.setattr(subjects, "distinguishes", lambda _reference: False)
    (note,) = tiny_subject(mistral_family, variants(mistral_family)[1]).notes
    assert note.startswith("mistral, window: two logits come closer than the tolerance can tell apart")


def test_greedy_choices_are_clear(base_subject: Subject, window_subject: Subject) -> None:
    for reference in (*base_subject.references, *window_subject.references):
        assert distinguishes(reference)
        tokens = {token for row in reference.tokens for token in row}
        assert len(tokens) > 1
    assert not base_subject.notes


@pytest.mark.parametrize("goes_on", [False, True])
def test_prompts_come_whole_where_states_do_not_go_on(goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only LongRoPE with states: all else is compared with the whole text, in which nothing has to go on."""
    monkeypatch.setattr(subjects, "states_go_on", lambda: goes_on)
    family = find_family("lfm2")
    linear, longrope = (
        _subject_with_seed(family, variant, 0)
        for variant in variants(family)
        if variant.name in ("rope linear", "rope longrope")
    )
    whole = max(map(len, longrope.scenarios[0].prompts))
    assert linear.scenarios[0].prefill_seq_len < whole
    assert (longrope.scenarios[0].prefill_seq_len == whole) is not goes_on
    assert (WHOLE_PROMPTS_NOTE in longrope.notes) is not goes_on


def counting_calls(causal_lm_class: type[Any], config: Any, seed: int) -> Any:
    """Keeps something of each call, as a table does that is as long as the last one asked for."""

    def count(module: Any, _given: object) -> None:
        module.calls.add_(1)

    model = build_tiny_model(causal_lm_class, config, seed)
    model.register_buffer("calls", torch.zeros((), dtype=torch.int64))
    model.register_forward_pre_hook(count)
    return model


def test_what_is_mapped_later_has_answered_nothing(mistral_family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "build_tiny_model", counting_calls)
    subject = _subject_with_seed(mistral_family, variants(mistral_family)[0], seed=0)
    assert subject.references
    assert int(subject.model.calls) == 0
