"""Numbers of tokens or keys in arithmetic: pads, chunks and the cache's empty slots count in a fixed-size graph."""

from __future__ import annotations

from tests.variations.blueprint import (
    FEED_FORWARD,
    FREQUENCIES,
    IMPORTS,
    LAYER_BEGIN,
    LOGITS,
    MODEL_BEGIN,
    REPEATED_VALUES,
    ROTARY,
    ROTATED,
    SCORES,
    SOFTMAX,
    VALUES_SUMMED,
    after,
    before,
    instead,
)
from tests.variations.variation import Change, Variation, either, equal, refused

MATH: Change = (IMPORTS, f"import math\n\n{IMPORTS}")

VARIATIONS: tuple[Variation, ...] = (
    refused(
        "log-n attention",
        before(
            REPEATED_VALUES,
            "past = key.size(2) - query.size(2)",
            "places = torch.arange(query.size(2), device=query.device) + past + 1",
            "query = query * torch.log(places + 8.0).to(query.dtype)[:, None] / 3",
        ),
    ),
    refused(
        "scores through ReLU over the number of keys",
        instead(SOFTMAX, "attn_weights = torch.relu(attn_weights) / key.shape[-2]"),
    ),
    refused(
        "values summed up along keys",
        after(REPEATED_VALUES, "value_states = value_states + value_states.sum(2, keepdim=True)"),
    ),
    refused(
        "scalable softmax: scores times the logarithm of the number of keys",
        MATH,
        after(SCORES, "attn_weights = attn_weights * math.log(key_states.shape[-2] + 1)"),
    ),
    refused(
        "logits scaled by the call's length",
        after(LOGITS, "logits = logits * hidden_states.shape[1] ** -0.5"),
    ),
    refused(
        "features scaled by the call's length",
        after(LAYER_BEGIN, "hidden_states = hidden_states * hidden_states.shape[1] ** -0.5"),
    ),
    refused(
        "features over the number of elements",
        after(FEED_FORWARD, "hidden_states = hidden_states * (1 + 1 / hidden_states.numel())"),
    ),
    refused(
        "the mask's tokens counted",
        before(
            MODEL_BEGIN,
            "if attention_mask is not None:",
            "    inputs_embeds = inputs_embeds / attention_mask.sum(-1)[:, None, None]",
        ),
    ),
    refused(
        "dynamic NTK by the longest position",
        instead(
            FREQUENCIES,
            "scale = (position_ids.max() + 1).clamp(min=4) / 4",
            "freqs = position_ids[..., None].float() * self.inv_freq.to(device=x.device, dtype=torch.float) / scale",
        ),
    ),
    refused(
        "a bias by the square of the distance, queries counted back from the last key",
        after(
            SCORES,
            "places = torch.arange(query.shape[2]) + key.shape[2] - query.shape[2]",
            "distance = places[:, None] - torch.arange(key.shape[2])[None, :]",
            "attn_weights = attn_weights - 0.1 * distance**2",
        ),
    ),
    either(
        "a bias by the distance from the last key, the same for all queries",
        after(
            SCORES,
            "distance = torch.arange(key.shape[2]) - (key.shape[2] - 1)",
            "attn_weights = attn_weights + 0.1 * distance",
        ),
    ),
    refused(
        "attention's output over the number of keys",
        after(VALUES_SUMMED, "attn_output = attn_output / value_states.size(-2)"),
    ),
    refused(
        "positions counted over, by a mean",
        after(ROTARY, "hidden_states = hidden_states * (1 + position_ids.float().mean())"),
    ),
    either(
        "log-n attention by positions",
        (
            ROTATED,
            ROTATED
            + "        places = kwargs['position_ids'][:, None, :, None]\n"
            + "        query_states = query_states * torch.log(places + 8.0) / 3\n",
        ),
    ),
    equal(
        "depth scales the residual",
        (
            "        # Feed-forward\n        residual = hidden_states\n",
            "        # Feed-forward\n"
            "        hidden_states = hidden_states * (1.4 / self.depth**0.5)\n"
            "        residual = hidden_states\n",
        ),
        (
            "        self.mlp = BlueprintMLP(config)\n",
            "        self.mlp = BlueprintMLP(config)\n        self.depth = config.num_hidden_layers\n",
        ),
    ),
    equal(
        "the head's width counted",
        instead(SCORES, "attn_weights = torch.matmul(query, key_states.transpose(2, 3)) / query.size(-1) ** 0.5"),
    ),
)
