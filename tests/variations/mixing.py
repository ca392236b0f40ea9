"""Tokens mixed outside attention, or keys beside the softmax: reduced, normalised, cumulated, put in order."""

from __future__ import annotations

from tests.variations.blueprint import (
    FEED_FORWARD,
    LAYER_BEGIN,
    LAYER_END,
    LAYER_PARTS,
    MASKED,
    MLP_PARTS,
    MLP_RETURN,
    NORM_VALUE,
    ROTATED,
    SCORES,
    SOFTMAX,
    UPDATED,
    after,
    before,
    instead,
)
from tests.variations.variation import Variation, either, equal, refused

_MLP = "self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))"

VARIATIONS: tuple[Variation, ...] = (
    refused(
        "the tokens' mean added in the feed-forward", instead(MLP_RETURN, f"return {_MLP} + x.mean(1, keepdim=True)")
    ),
    refused(
        "a norm over tokens and features",
        instead(NORM_VALUE, "variance = hidden_states.pow(2).mean((-2, -1), keepdim=True)"),
    ),
    refused(
        "a sum over the tokens so far",
        after(LAYER_BEGIN, "hidden_states = hidden_states + 0.1 * hidden_states.cumsum(dim=1)"),
    ),
    refused(
        "softmax over tokens in the gate",
        instead(
            MLP_RETURN,
            "gate = torch.softmax(self.gate_proj(x), dim=1)",
            "return self.down_proj(gate * self.up_proj(x))",
        ),
    ),
    refused(
        "normalised along tokens, the default of normalize",
        after(FEED_FORWARD, "hidden_states = nn.functional.normalize(hidden_states) * 4"),
    ),
    refused(
        "queries and keys normalised over tokens",
        after(ROTATED, "query_states = nn.functional.normalize(query_states, dim=2) * 2"),
    ),
    refused(
        "batch norm without running statistics",
        after(LAYER_PARTS, "self.batch_norm = nn.BatchNorm1d(config.hidden_size, track_running_stats=False)"),
        instead(LAYER_END, "hidden_states = self.mlp(self.batch_norm(hidden_states.transpose(1, 2)).transpose(1, 2))"),
    ),
    either(
        "batch norm with running statistics",
        after(LAYER_PARTS, "self.batch_norm = nn.BatchNorm1d(config.hidden_size)"),
        instead(LAYER_END, "hidden_states = self.mlp(self.batch_norm(hidden_states.transpose(1, 2)).transpose(1, 2))"),
    ),
    refused(
        "a scale for the whole tensor, as quantised layers have",
        instead(
            MLP_RETURN,
            "scale = 127.0 / x.abs().max().clamp(min=1e-5)",
            "x = (x * scale).round() / scale",
            f"return {_MLP}",
        ),
    ),
    equal(
        "a scale for each token, as quantised layers have",
        instead(
            MLP_RETURN,
            "scale = 7.0 / x.abs().max(dim=-1, keepdim=True).values.clamp(min=1e-5)",
            "x = x * scale",
            f"return {_MLP}",
        ),
    ),
    refused(
        "capacity: tokens counted up by place",
        after(MLP_PARTS, "self.router = nn.Linear(config.hidden_size, 4, bias=False)"),
        instead(
            MLP_RETURN,
            "chosen = nn.functional.one_hot(self.router(x).argmax(-1), 4)",
            "kept = (chosen.cumsum(dim=1) * chosen <= 2).all(-1, keepdim=True)",
            f"return {_MLP} * kept",
        ),
    ),
    refused(
        "experts choose tokens",
        after(MLP_PARTS, "self.router = nn.Linear(config.hidden_size, 4, bias=False)"),
        instead(
            MLP_RETURN,
            "weights = self.router(x).softmax(-1)",
            "best = weights.amax(dim=1, keepdim=True)",
            f"return {_MLP} * (weights >= best).sum(-1, keepdim=True)",
        ),
    ),
    refused(
        "a causal mean by a triangular matrix",
        after(
            LAYER_BEGIN,
            "length = hidden_states.shape[1]",
            "triangle = torch.tril(torch.ones(length, length)) / 8",
            "hidden_states = hidden_states + triangle @ hidden_states",
        ),
    ),
    refused(
        "tokens mixed by an einsum",
        after(
            FEED_FORWARD,
            'scores = torch.einsum("btd,bsd->bts", hidden_states, hidden_states) / 64',
            "hidden_states = hidden_states + scores @ hidden_states / 8",
        ),
    ),
    refused(
        "keys scaled by the longest",
        after(UPDATED, "key_states = key_states / key_states.norm(dim=-1, keepdim=True).amax(dim=2, keepdim=True)"),
    ),
    either(
        "keys smoothed by their mean", after(UPDATED, "key_states = key_states - key_states.mean(dim=2, keepdim=True)")
    ),
    refused(
        "softmax over queries",
        instead(
            SOFTMAX, "attn_weights = nn.functional.softmax(attn_weights, dim=-2, dtype=torch.float32).to(query.dtype)"
        ),
    ),
    either(
        "stick-breaking: a sum over keys",
        after(SCORES, "attn_weights = attn_weights - 0.1 * nn.functional.softplus(attn_weights).cumsum(dim=-1)"),
    ),
    refused(
        "weights blurred over keys",
        after(SOFTMAX, "attn_weights = 0.5 * (attn_weights + attn_weights.roll(1, dims=-1))"),
    ),
    either("a sigmoid in place of the softmax", instead(SOFTMAX, "attn_weights = torch.sigmoid(attn_weights)")),
    equal(
        "features normalised",
        after(FEED_FORWARD, "hidden_states = nn.functional.normalize(hidden_states, dim=-1) * 8"),
    ),
    equal(
        "layer norm over features",
        after(FEED_FORWARD, "hidden_states = nn.functional.layer_norm(hidden_states, hidden_states.shape[-1:])"),
    ),
    either("scores capped before the mask", before(MASKED, "attn_weights = 2.0 * torch.tanh(attn_weights / 2.0)")),
)
