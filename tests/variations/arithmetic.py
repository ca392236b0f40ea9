"""Arithmetic that is nearly what a rule knows and puts something else in the place of."""

from __future__ import annotations

from tests.variations.blueprint import (
    MASKED,
    NORM_SCALED,
    NORM_VALUE,
    SCORES,
    SOFTMAX,
    after,
    before,
    instead,
)
from tests.variations.variation import Variation, either, equal

EPSILON = "        self.variance_epsilon = eps\n"
WEIGHTED = "        return self.weight * hidden_states.to(input_dtype)\n"
CONFIGURED = "            config=self.config,\n            inputs_embeds=inputs_embeds,\n"
SCALED = "            scaling=self.scaling,\n"
LAYER_NORM = "        self.input_layernorm = BlueprintRMSNorm(config.hidden_size, eps=config.rms_norm_eps)\n"

VARIATIONS: tuple[Variation, ...] = (
    either(
        "two epsilons, the other one read",
        after(EPSILON, "self.eps = 0.5"),
        instead(NORM_SCALED, "hidden_states = hidden_states * torch.rsqrt(variance + self.eps)"),
    ),
    either(
        "two epsilons, named the other way round",
        instead(EPSILON, "self.variance_epsilon, self.eps = 0.5, eps"),
        instead(NORM_SCALED, "hidden_states = hidden_states * torch.rsqrt(variance + self.eps)"),
        ("eps={self.variance_epsilon}", "eps={self.eps}"),
    ),
    either(
        "a norm of a part of the features",
        instead(NORM_VALUE, "variance = hidden_states[..., :16].pow(2).mean(-1, keepdim=True)"),
    ),
    equal("one plus the weight", instead(WEIGHTED, "return (1.0 + self.weight) * hidden_states.to(input_dtype)")),
    either(
        "a norm with a bias",
        after(EPSILON, "self.bias = nn.Parameter(torch.zeros(hidden_size))"),
        instead(WEIGHTED, "return self.weight * hidden_states.to(input_dtype) + self.bias"),
    ),
    either(
        "a norm that reads a weight of another name",
        after(EPSILON, "self.scale = nn.Parameter(torch.ones(hidden_size))"),
        instead(WEIGHTED, "return self.scale * hidden_states.to(input_dtype)"),
    ),
    either("the epsilon set again after it was made", after(EPSILON, "self.variance_epsilon = eps * 1e5")),
    either("an epsilon changed after construction", after(LAYER_NORM, "self.input_layernorm.variance_epsilon = 0.5")),
    either("the mask taken away", (MASKED, MASKED.replace("+ attention_mask", "- attention_mask"))),
    either(
        "scaled after the mask",
        (SCORES, SCORES.replace(" * scaling", "")),
        after(MASKED, "attn_weights = attn_weights * scaling"),
    ),
    either("capped after the mask", after(MASKED, "attn_weights = torch.tanh(attn_weights / 5.0) * 5.0")),
    either("clamped after the mask", after(MASKED, "attn_weights = attn_weights.clamp(min=-2.0)")),
    either(
        "the mask added after the softmax",
        (MASKED, ""),
        after(
            SOFTMAX,
            "if attention_mask is not None:",
            "    attn_weights = attn_weights + attention_mask.clamp(min=-1.0)",
        ),
    ),
    either(
        "a softmax of negated scores",
        instead(
            SOFTMAX, "attn_weights = nn.functional.softmax(-attn_weights, dim=-1, dtype=torch.float32).to(query.dtype)"
        ),
    ),
    either(
        "the mask made from another configuration",
        before("        mask_function = create_causal_mask if", "other = BlueprintConfig(sliding_window=3)"),
        (
            "        mask_function = create_causal_mask if self.config.sliding_window is None",
            "        mask_function = create_causal_mask if other.sliding_window is None",
        ),
        (CONFIGURED, CONFIGURED.replace("self.config", "other")),
    ),
    either(
        "the mask of the windowless function always",
        (
            "create_causal_mask if self.config.sliding_window is None else create_sliding_window_causal_mask\n",
            "create_causal_mask\n",
        ),
    ),
    either(
        "positions doubled for the mask",
        (
            "            cache=cache,\n            position_ids=position_ids,\n        )\n",
            "            cache=cache,\n            position_ids=position_ids * 2,\n        )\n",
        ),
    ),
    either(
        "a mask function of one's own added",
        (
            "            cache=cache,\n            position_ids=position_ids,\n        )\n",
            "            cache=cache,\n"
            "            position_ids=position_ids,\n"
            "            or_mask_function=lambda b, h, q, k: k < 4,\n"
            "        )\n",
        ),
    ),
    either(
        "keys and values exchanged in the cache",
        (
            "key_states, value_states = cache.update(key_states, value_states,",
            "value_states, key_states = cache.update(value_states, key_states,",
        ),
    ),
)
