"""Branches of Python on the length of a call, on the cache's, or on what tensors hold: the trace keeps one side."""

from __future__ import annotations

from tests.variations.blueprint import (
    FEED_FORWARD,
    FREQUENCIES,
    LAYER_BEGIN,
    LAYER_END,
    LOGITS,
    MLP_RETURN,
    MODEL_BEGIN,
    REPEATED_VALUES,
    ROTATED,
    SCORES,
    UPDATED,
    after,
    before,
    instead,
)
from tests.variations.variation import Variation, either, equal, refused

VARIATIONS: tuple[Variation, ...] = (
    refused(
        "the query of a single token scaled",
        after(ROTATED, "if query_states.shape[2] == 1:", "    query_states = query_states * 1.5"),
    ),
    refused(
        "the query of a single token scaled, by a truth value as a number",
        after(ROTATED, "query_states = query_states * (1 + (query_states.shape[2] == 1))"),
    ),
    refused(
        "a length under another name decides",
        after(
            ROTATED,
            "length = query_states.size(2)",
            "decoding = length == 1",
            "if decoding:",
            "    key_states = key_states * 1.5",
        ),
    ),
    refused(
        "a long call takes another way",
        after(LAYER_BEGIN, "if hidden_states.shape[1] > 4:", "    hidden_states = hidden_states * 1.1"),
    ),
    refused(
        "the number of keys decides",
        after(SCORES, "if key_states.shape[-2] > 9:", "    attn_weights = attn_weights * 0.5"),
    ),
    refused(
        "the cache's length decides",
        (
            UPDATED,
            "            if cache.get_seq_length(self.layer_idx) == 0:\n"
            "                value_states = value_states * 1.5\n" + UPDATED,
        ),
    ),
    refused(
        "the longest position decides",
        before(
            FREQUENCIES,
            "if torch.max(position_ids) + 1 > 8:",
            "    position_ids = position_ids / 2",
        ),
    ),
    refused(
        "a range over tokens",
        instead(
            LAYER_END,
            "state = torch.zeros_like(hidden_states[:, 0])",
            "outputs = []",
            "for place in range(hidden_states.shape[1]):",
            "    state = 0.5 * state + hidden_states[:, place]",
            "    outputs.append(state)",
            "hidden_states = self.mlp(torch.stack(outputs, dim=1))",
        ),
    ),
    refused(
        "a while loop over a length",
        before(
            LAYER_END,
            "length = hidden_states.shape[1]",
            "while length > 1:",
            "    hidden_states = hidden_states * 1.01",
            "    length = length // 2",
        ),
    ),
    refused(
        "a helper's condition on its argument's length",
        instead(
            MLP_RETURN,
            "if x.size(1) == 1:",
            "    return self.down_proj(self.act_fn(self.gate_proj(x)))",
            "return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))",
        ),
    ),
    refused(
        "an item of a tensor in arithmetic",
        after(FEED_FORWARD, "hidden_states = hidden_states / hidden_states.abs().amax().item()"),
    ),
    refused(
        "the positions' kind decides",
        after(MODEL_BEGIN, "if (position_ids[:, -1] > 3).all():", "    hidden_states = hidden_states * 1.5"),
    ),
    refused(
        "a short call's logits scaled", after(LOGITS, "logits = logits if input_ids.shape[1] > 1 else logits * 0.5")
    ),
    either(
        "upstream's older check of the scores' shape",
        after(
            SCORES,
            "if attn_weights.size() != (query.size(0), query.size(1), query.size(2), key_states.size(2)):",
            '    raise ValueError(f"Attention weights have the wrong size: {attn_weights.size()}")',
        ),
    ),
    equal(
        "queries made contiguous where a device needs it",
        before(
            REPEATED_VALUES,
            'if query.device.type == "cuda" and attention_mask is not None:',
            "    query = query.contiguous()",
        ),
    ),
    either(
        "half precision clamped where it overflows",
        after(
            FEED_FORWARD,
            "if hidden_states.dtype == torch.float16 and torch.isinf(hidden_states).any():",
            "    hidden_states = torch.clamp(hidden_states, min=-60000, max=60000)",
        ),
    ),
    equal(
        "the number of features decides",
        after(LAYER_BEGIN, "if hidden_states.shape[-1] > 4:", "    hidden_states = hidden_states * 1.1"),
    ),
)
