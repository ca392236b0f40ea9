"""What a rule knows by its name, under another one: masks, caches, positions and functions, bound in every way."""

from __future__ import annotations

from tests.variations.blueprint import (
    IMPORTS,
    INTERFACE,
    MASKED,
    MODEL_BEGIN,
    REPEATED_VALUES,
    ROTARY,
    UPDATED,
    after,
    before,
    instead,
)
from tests.variations.variation import Change, Variation, either

ADDED = "        attn_weights = attn_weights + attention_mask\n"
_ALIAS = "    if mask is not None:\n        attn_weights = attn_weights + mask\n"
_CALLED = "            attention_mask,\n            dropout="
_EAGER = "def eager_attention_forward(\n"
_GUARD = "        if cache is not None:\n            key_states"


def _mask(*lines: str) -> Change:
    """The addition of the mask, by other lines."""
    return instead(MASKED, *lines)


_OWN_LINES: tuple[Change, ...] = (
    (
        INTERFACE,
        "        scores = query_states @ key_states.repeat_interleave(self.num_key_value_groups, 1).transpose(2, 3)\n"
        + INTERFACE,
    ),
)

VARIATIONS: tuple[Variation, ...] = (
    either(
        "the mask, annotated",
        _mask(
            "mask: torch.Tensor | None = attention_mask",
            "if mask is not None:",
            "    attn_weights = attn_weights + mask",
        ),
    ),
    either(
        "the mask, by a walrus",
        _mask("if (mask := attention_mask) is not None:", "    attn_weights = attn_weights + mask"),
    ),
    either(
        "the mask, by an inner function",
        _mask("def masked(scores):", "    return scores + attention_mask", "", "attn_weights = masked(attn_weights)"),
    ),
    either(
        "the mask, by a helper of the file",
        (_EAGER, "def masked(scores, mask):\n    return scores if mask is None else scores + mask\n\n\n" + _EAGER),
        _mask("attn_weights = masked(attn_weights, attention_mask)"),
    ),
    either("the mask, in place", _mask("attn_weights += attention_mask")),
    either(
        "the mask, sliced to the keys",
        _mask(
            "if attention_mask is not None:",
            "    attn_weights = attn_weights + attention_mask[:, :, :, : key_states.shape[-2]]",
        ),
    ),
    either(
        "the mask, an alias sliced to the keys",
        _mask(
            "if attention_mask is not None:",
            "    causal_mask: torch.Tensor = attention_mask[:, :, :, : key_states.shape[-2]]",
            "    attn_weights = attn_weights + causal_mask",
        ),
    ),
    either(
        "the mask compared, under an alias",
        _mask("hidden: torch.Tensor = attention_mask < -1", "attn_weights = attn_weights.masked_fill(hidden, -1e9)"),
    ),
    either(
        "the mask handed on under another name",
        (INTERFACE, "        causal_mask: torch.Tensor | None = attention_mask\n" + INTERFACE),
        (_CALLED, "            causal_mask,\n            dropout="),
    ),
    either(
        "the attention's settings in a dictionary",
        (INTERFACE, '        settings = {"scaling": self.scaling * 1.5}\n' + INTERFACE),
        ("            scaling=self.scaling,\n", "            **settings,\n"),
    ),
    either(
        "the cache under another name",
        ("        if cache is not None:\n", "        past: Cache | None = cache\n        if past is not None:\n"),
        ("= cache.update(", "= past.update("),
    ),
    either(
        "the cache's method under a name",
        instead(
            UPDATED,
            "update = cache.update",
            "key_states, value_states = update(key_states, value_states, self.layer_idx)",
        ),
    ),
    either(
        "the cache by a walrus",
        ("        if cache is not None:\n", "        if (past := cache) is not None:\n"),
        ("= cache.update(", "= past.update("),
    ),
    either(
        "the cache's layer updated",
        instead(UPDATED, "key_states, value_states = cache.layers[self.layer_idx].update(key_states, value_states)"),
    ),
    either(
        "positions under another name",
        (
            ROTARY,
            "        places: torch.Tensor = position_ids\n"
            "        position_embeddings = self.rotary_emb(hidden_states, position_ids=places)\n",
        ),
    ),
    either(
        "the model's mask under another name",
        after(MODEL_BEGIN, "layer_mask: torch.Tensor | None = causal_mask"),
        ("attention_mask=causal_mask,", "attention_mask=layer_mask,"),
    ),
    either(
        "the model's mask changed under another name",
        after(MODEL_BEGIN, "layer_mask: torch.Tensor | None = causal_mask * 0.5"),
        ("attention_mask=causal_mask,", "attention_mask=layer_mask,"),
    ),
    either(
        "the model's mask by a dictionary",
        after(MODEL_BEGIN, 'masks = {"full": causal_mask}'),
        ("attention_mask=causal_mask,", 'attention_mask=masks["full"],'),
    ),
    either(
        "a norm under another name",
        (
            "        self.norm = BlueprintRMSNorm(config.hidden_size, eps=config.rms_norm_eps)\n",
            "        norm_class: type = BlueprintRMSNorm\n        self.norm = norm_class(config.hidden_size, 0.5)\n",
        ),
    ),
    either(
        "the attention function under a name",
        (
            "            self.config._attn_implementation, eager_attention_forward\n",
            "            self.config._attn_implementation, fallback\n",
        ),
        (INTERFACE, "        fallback: Callable = eager_attention_forward\n" + INTERFACE),
    ),
    either(
        "a with statement takes the mask's name",
        (IMPORTS, "import contextlib\n\n" + IMPORTS),
        before(
            REPEATED_VALUES,
            "with contextlib.nullcontext(attention_mask) as attention_mask:",
            "    query = query * 1.0",
        ),
    ),
)
