"""Tiny models depend on everything they have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from qeff_codegen.tiny_models.configurations import SLIDING_WINDOW, build_config, variants
from qeff_codegen.tiny_models.families import Family, find_family, is_of_transformers
from qeff_codegen.tiny_models.models import build_tiny_model, context_sensitivity
from qeff_codegen.validation.subjects import MIN_CONTEXT_SENSITIVITY


def test_every_parameter_differs_from_its_initial_value(mistral_family: Family) -> None:
    config = build_config(mistral_family, variants(mistral_family)[0])
    torch.manual_seed(0)
    initial = mistral_family.causal_lm_class(config).state_dict()
    randomised = build_tiny_model(mistral_family.causal_lm_class, config, seed=0).state_dict()
    assert initial.keys() == randomised.keys()
    assert not [name for name in initial if (initial[name] == randomised[name]).any()]


def test_rotary_frequencies_stay_what_the_configuration_says(mistral_family: Family) -> None:
    config = build_config(mistral_family, variants(mistral_family)[0])
    rotary = build_tiny_model(mistral_family.causal_lm_class, config, seed=0).model.rotary_emb
    assert torch.equal(rotary.inv_freq, rotary.original_inv_freq)
    assert rotary.inv_freq[0] == 1.0


def test_the_seed_decides(mistral_family: Family) -> None:
    config = build_config(mistral_family, variants(mistral_family)[0])
    one, same, other = (
        build_tiny_model(mistral_family.causal_lm_class, config, seed).lm_head.weight for seed in (3, 3, 4)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_bounds_keep_something_out_and_complex_tables_stay_complex() -> None:
    class Bounded(nn.Module):
        config = SimpleNamespace()

        def __init__(self, config: Any) -> None:
            super().__init__()
            self.bounds = nn.Parameter(torch.tensor([float("-inf"), float("inf")]), requires_grad=False)
            self.register_buffer("table", torch.polar(torch.ones(3), torch.arange(3.0)), persistent=False)

    model = build_tiny_model(Bounded, SimpleNamespace(), 0)
    assert (model.bounds - torch.tensor([-1.0, 1.0])).abs().max() < 1
    assert torch.equal(model.table, torch.polar(torch.ones(3), torch.arange(3.0)))


def test_tied_embeddings_stay_tied() -> None:
    gpt2 = find_family("gpt2")
    model = build_tiny_model(gpt2.causal_lm_class, build_config(gpt2, variants(gpt2)[0]), seed=0)
    assert model.lm_head.weight is model.transformer.wte.weight


@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2", "mistral"])
def test_an_early_token_moves_the_last_logits(name: str) -> None:
    family = find_family(name)
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    assert context_sensitivity(model, length=SLIDING_WINDOW) > 5 * MIN_CONTEXT_SENSITIVITY


def test_tables_that_upstream_computes_and_saves_stay_what_they_are() -> None:
    family = find_family("minimax")
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    attention = model.model.layers[1].self_attn
    assert torch.equal(attention.slope_rate, attention.get_slope_rate())
    assert torch.equal(attention.query_decay, torch.exp(-attention.slope_rate * torch.arange(1, 257)[:, None]))


class _WithRandomVectors(nn.Module):
    """A model as some are upstream, whose vectors are drawn when it is made."""

    def __init__(self, config: object) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(4))


def test_the_seed_decides_vectors_that_are_drawn_when_a_model_is_made() -> None:
    models = []
    for state in (1, 2):
        torch.manual_seed(state)
        models.append(build_tiny_model(_WithRandomVectors, None, seed=0))
    one, other = models
    assert torch.equal(one.gate, other.gate)
    assert not torch.equal(one.gate, build_tiny_model(_WithRandomVectors, None, seed=1).gate)


def test_who_draws_next_does_not_notice() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    build_tiny_model(_WithRandomVectors, None, seed=0)
    assert torch.equal(torch.rand(2), expected)


def test_a_copy_of_a_class_is_not_of_transformers(mistral_family: Family) -> None:
    assert is_of_transformers(mistral_family.causal_lm_class)
    assert not is_of_transformers(type("Copy", (mistral_family.causal_lm_class,), {"__module__": __name__}))


class Unset(nn.Module):
    """A bias that only a checkpoint sets."""

    def __init__(self, config: None) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(4096))


def test_what_only_a_checkpoint_sets_does_not_depend_on_the_memory() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    for _ in range(3):
        torch.full((4096,), 1e30)
        bias = build_tiny_model(Unset, None, seed=0).bias
        assert bias.isfinite().all() and bias.abs().max() < 2
    assert torch.are_deterministic_algorithms_enabled() is before
