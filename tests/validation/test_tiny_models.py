"""Tiny models depend on everything they have."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from qeff_codegen.validation import subjects
from qeff_codegen.validation.comparison import distinguishes
from qeff_codegen.validation.families import Family, find_family
from qeff_codegen.validation.subjects import MAX_SEEDS, MIN_CONTEXT_SENSITIVITY, Subject, tiny_subject
from qeff_codegen.validation.tiny_config import SLIDING_WINDOW, build_config, variants
from qeff_codegen.validation.tiny_models import build_tiny_model, context_sensitivity


def test_every_parameter_differs_from_its_initial_value(mistral_family: Family) -> None:
    config = build_config(mistral_family, variants(mistral_family)[0])
    torch.manual_seed(0)
    initial = mistral_family.causal_lm_class(config).state_dict()
    randomised = build_tiny_model(mistral_family.causal_lm_class, config, seed=0).state_dict()
    assert initial.keys() == randomised.keys()
    assert not [name for name in initial if (initial[name] == randomised[name]).any()]


def test_rotary_frequencies_stay_what_the_configuration_says(base_subject: Subject) -> None:
    rotary = base_subject.model.model.rotary_emb
    assert torch.equal(rotary.inv_freq, rotary.original_inv_freq)
    assert rotary.inv_freq[0] == 1.0


def test_the_seed_decides(mistral_family: Family) -> None:
    config = build_config(mistral_family, variants(mistral_family)[0])
    one, same, other = (
        build_tiny_model(mistral_family.causal_lm_class, config, seed).lm_head.weight for seed in (3, 3, 4)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_tied_embeddings_stay_tied() -> None:
    gpt2 = find_family("gpt2")
    model = build_tiny_model(gpt2.causal_lm_class, build_config(gpt2, variants(gpt2)[0]), seed=0)
    assert model.lm_head.weight is model.transformer.wte.weight


@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2", "mistral"])
def test_an_early_token_moves_the_last_logits(name: str) -> None:
    family = find_family(name)
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    assert context_sensitivity(model, length=SLIDING_WINDOW) > 5 * MIN_CONTEXT_SENSITIVITY


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
    verdicts = iter([False, False, True])
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
