"""Variants come from what a configuration class has, and each changes what the model computes."""

from __future__ import annotations

import pytest
import torch

from qeff_codegen.tiny_models.configurations import Variant, build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from qeff_codegen.tiny_models.sizes import MAX_POSITIONS, ORIGINAL_MAX_POSITIONS, SLIDING_WINDOW
from qeff_codegen.validation.scenarios import scenarios

ROPES = ["rope linear", "rope dynamic", "rope yarn", "rope llama3", "rope longrope"]
EXPECTED = {
    "llama": ["base", *ROPES, "tie_word_embeddings=True", "attention_bias=True", "mlp_bias=True"],
    "mistral": ["base", "window", *ROPES, "tie_word_embeddings=True"],
    "qwen3": [
        "base",
        "window, sliding+full",
        "window, full+sliding",
        *ROPES,
        "tie_word_embeddings=True",
        "attention_bias=True",
    ],
    "gpt2": [
        "base",
        "tie_word_embeddings=False",
        "reorder_and_upcast_attn=True",
        "scale_attn_by_inverse_layer_idx=True",
        "scale_attn_weights=False",
    ],
    # Its configuration class accepts no other scaling type.
    "phi3": ["base", "window", "rope longrope", "tie_word_embeddings=True"],
}
# Equal to the base by upstream's own arithmetic in float32 and within max_position_embeddings.
EQUAL_TO_BASE = {"rope dynamic", "reorder_and_upcast_attn=True"}


@pytest.mark.parametrize("name", EXPECTED)
def test_variants_follow_from_the_configuration_class(name: str) -> None:
    assert [variant.name for variant in variants(find_family(name))] == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_variant_changes_the_logits(name: str) -> None:
    """A variant that computes what the base computes would prove nothing.

    Tying embeddings is not arithmetic: with the same weights on both sides it changes nothing.
    """
    family = find_family(name)
    base, *others = [variant for variant in variants(family) if "tie_word_embeddings" not in variant.name]
    prompt = torch.tensor([random_tokens(40, 160, seed=1)])

    def logits(variant: Variant, weights: dict[str, torch.Tensor] | None) -> torch.Tensor:
        model = build_tiny_model(family.causal_lm_class, build_config(family, variant), seed=0)
        if weights is not None:
            model.load_state_dict(weights, strict=False)
        with torch.no_grad():
            return model(input_ids=prompt, use_cache=False).logits

    weights = build_tiny_model(family.causal_lm_class, build_config(family, base), seed=0).state_dict()
    expected = logits(base, None)
    unchanged = {variant.name for variant in others if (logits(variant, weights) - expected).abs().max() < 1e-2}
    assert unchanged == EQUAL_TO_BASE & {variant.name for variant in others}


def test_sizes_are_tiny_and_distinct_under_the_family_s_own_names() -> None:
    gpt2 = find_family("gpt2")
    config = build_config(gpt2, variants(gpt2)[0])
    assert (config.n_embd, config.n_layer, config.n_head, config.n_positions) == (64, 2, 4, MAX_POSITIONS)
    qwen3 = find_family("qwen3")
    config = build_config(qwen3, variants(qwen3)[0])
    assert config.head_dim != config.hidden_size // config.num_attention_heads
    assert config.num_key_value_heads < config.num_attention_heads


def test_windows_cover_both_orders_of_layer_types() -> None:
    qwen3 = find_family("qwen3")
    windows = [build_config(qwen3, variant) for variant in variants(qwen3) if variant.kind == "window"]
    assert [config.layer_types for config in windows] == [
        ["sliding_attention", "full_attention"],
        ["full_attention", "sliding_attention"],
    ]
    assert {config.sliding_window for config in windows} == {SLIDING_WINDOW}


def test_scenarios_reach_what_their_variants_are_about() -> None:
    (past_original,) = scenarios("rope", vocab_size=160, seed=0)
    crossing = [len(prompt) + new for prompt, new in zip(past_original.prompts, past_original.new_tokens, strict=True)]
    assert min(crossing) > ORIGINAL_MAX_POSITIONS
    assert past_original.ctx_len <= MAX_POSITIONS
    assert ORIGINAL_MAX_POSITIONS % past_original.prefill_seq_len != 0, "no chunk would cross it"
    windowed, _ = scenarios("window", vocab_size=160, seed=0)
    assert SLIDING_WINDOW < windowed.prefill_seq_len < len(windowed.prompts[0])
    full_context = next(s for s in scenarios("base", vocab_size=160, seed=0) if s.name == "end of context")
    for prompt, new_tokens in zip(full_context.prompts, full_context.new_tokens, strict=True):
        assert len(prompt) + new_tokens - 1 == full_context.ctx_len


@pytest.mark.parametrize("name", ["bloom", "falcon", "mpt"])
def test_alibi_is_tried_with_heads_that_are_no_power_of_two(name: str) -> None:
    family = find_family(name)
    (variant,) = [variant for variant in variants(family) if variant.name == "6 heads with ALiBi"]
    config = build_config(family, variant)
    assert config.num_attention_heads == 6 and getattr(config, "alibi", True)
