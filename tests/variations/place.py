"""Tokens or keys taken by their place in a call or in the cache, where pads and chunks change what stands there."""

from __future__ import annotations

from tests.variations.blueprint import (
    ATTENTION_PARTS,
    LAST_LOGITS,
    LAYER_BEGIN,
    LAYER_END,
    LAYER_PARTS,
    MASKED,
    MLP_RETURN,
    MODEL_NORM,
    ROTARY,
    ROTATED,
    SCORES,
    UPDATED,
    VALUE_STATES,
    after,
    before,
    instead,
)
from tests.variations.variation import Variation, either, refused

VARIATIONS: tuple[Variation, ...] = (
    refused("the model keeps the last token", after(MODEL_NORM, "hidden_states = hidden_states[:, -1:]")),
    either("the last logits by a slice", instead(LAST_LOGITS, "hidden_states = outputs.last_hidden_state[:, -1:, :]")),
    refused("the first token's logits", instead(LAST_LOGITS, "hidden_states = outputs.last_hidden_state[:, :1, :]")),
    refused(
        "token shift by padding",
        after(
            LAYER_BEGIN,
            "shifted = nn.functional.pad(hidden_states, (0, 0, 1, -1))",
            "hidden_states = 0.75 * hidden_states + 0.25 * shifted",
        ),
    ),
    refused(
        "token shift by slices",
        after(
            LAYER_BEGIN,
            "before = torch.cat([torch.zeros_like(hidden_states[:, :1]), hidden_states[:, :-1]], dim=1)",
            "hidden_states = hidden_states + 0.25 * before",
        ),
    ),
    refused(
        "tokens rolled in the feed-forward",
        instead(
            MLP_RETURN,
            "x = x + 0.25 * torch.roll(x, shifts=1, dims=1)",
            "return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))",
        ),
    ),
    refused(
        "a short convolution over tokens",
        after(
            ATTENTION_PARTS,
            "width = config.hidden_size",
            "self.conv = nn.Conv1d(width, width, kernel_size=4, groups=width, padding=3)",
        ),
        before(
            VALUE_STATES,
            "mixed = self.conv(hidden_states.transpose(1, 2))[..., : hidden_states.shape[1]]",
            "hidden_states = hidden_states + mixed.transpose(1, 2)",
        ),
    ),
    refused(
        "every second key",
        after(UPDATED, "key_states, value_states = key_states[:, :, ::2], value_states[:, :, ::2]"),
        (
            MASKED,
            "    if attention_mask is not None:\n        attn_weights = attn_weights + attention_mask[..., ::2]\n",
        ),
    ),
    refused(
        "the last keys alone",
        after(UPDATED, "key_states, value_states = key_states[..., -4:, :], value_states[..., -4:, :]"),
        (
            MASKED,
            "    if attention_mask is not None:\n        attn_weights = attn_weights + attention_mask[..., -4:]\n",
        ),
    ),
    either(
        "a sink at the first key",
        after(SCORES, "attn_weights = torch.cat([attn_weights[..., :1] + 1.0, attn_weights[..., 1:]], dim=-1)"),
    ),
    refused(
        "positions counted from a call's begin",
        before(
            ROTATED,
            "places = torch.arange(query_states.shape[2], dtype=query_states.dtype)",
            "query_states = query_states * (1 + 0.1 * places[:, None])",
        ),
    ),
    refused(
        "rotary positions counted from a call's begin",
        instead(
            ROTARY,
            "places = torch.arange(hidden_states.shape[1], device=hidden_states.device).unsqueeze(0)",
            "position_embeddings = self.rotary_emb(hidden_states, position_ids=places)",
        ),
    ),
    refused(
        "learned positions by place",
        after(
            LAYER_PARTS,
            "self.places = nn.Embedding(config.max_position_embeddings, config.hidden_size)",
        ),
        after(
            LAYER_BEGIN,
            "places = torch.arange(hidden_states.shape[1], device=hidden_states.device)",
            "hidden_states = hidden_states + self.places(places)",
        ),
    ),
    refused(
        "prefix of a fixed length open to all queries",
        (
            "        hidden_states = inputs_embeds\n",
            "        if causal_mask is not None:\n"
            "            causal_mask[..., :4] = 0.0\n"
            "        hidden_states = inputs_embeds\n",
        ),
    ),
    refused(
        "mixture of depths: tokens chosen among all",
        after(LAYER_PARTS, "self.depth_router = nn.Linear(config.hidden_size, 1, bias=False)"),
        instead(
            LAYER_END,
            "weights = self.depth_router(hidden_states)",
            "chosen = weights.topk(1 + hidden_states.shape[1] // 2, dim=1).values[:, -1:]",
            "hidden_states = self.mlp(hidden_states) * (weights >= chosen)",
        ),
    ),
    refused(
        "another layer's cached values",
        after(UPDATED, "value_states = 0.5 * (value_states + cache.layers[0].values)"),
    ),
)
