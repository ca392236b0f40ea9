"""Checks of arguments that our calls would fail, or pass: none stays to raise for a call of ours."""

from __future__ import annotations

from tests.variations.blueprint import (
    ATTENTION_SHAPE,
    FEED_FORWARD,
    MASKED,
    MODEL_BEGIN,
    MODEL_CACHE,
    after,
    before,
)
from tests.variations.variation import Variation, either, equal, refused

VARIATIONS: tuple[Variation, ...] = (
    either(
        "the cache must be a Cache or None, upstream's text",
        before(
            MODEL_CACHE,
            "if not isinstance(cache, (type(None), Cache)):",
            '    raise ValueError("The `cache` should be either a `Cache` object or `None`.")',
            "",
        ),
    ),
    either("the cache asserted", before(MODEL_CACHE, "assert cache is None or isinstance(cache, Cache)")),
    either(
        "the cache must have layers",
        before(
            MODEL_CACHE,
            'if cache is not None and not hasattr(cache, "layers"):',
            '    raise AttributeError("`cache` has no layers")',
        ),
    ),
    either(
        "the cache asked for its type in the attention",
        after(
            ATTENTION_SHAPE,
            "if cache is not None and not isinstance(cache, DynamicCache):",
            '    raise TypeError("only dynamic caches")',
        ),
    ),
    either(
        "a mask must be given",
        before(MODEL_BEGIN, "if attention_mask is None:", '    raise ValueError("`attention_mask` must be given")'),
    ),
    either(
        "a mask must have two axes",
        before(
            MODEL_CACHE,
            "if attention_mask is not None and attention_mask.dim() != 2:",
            '    raise ValueError("`attention_mask` must be `[batch, tokens]`")',
        ),
    ),
    either(
        "the layers' mask must be floating",
        before(
            MASKED,
            "if attention_mask is not None and not attention_mask.is_floating_point():",
            '    raise ValueError("the mask must be floating")',
        ),
    ),
    either(
        "the layers' mask of the scores' size",
        before(
            MASKED,
            "if attention_mask is not None and attention_mask.size()[-2:] != attn_weights.size()[-2:]:",
            '    raise ValueError(f"the mask has the wrong size: {attention_mask.size()}")',
        ),
    ),
    either(
        "no position may be negative",
        before(MODEL_BEGIN, "if position_ids.min() < 0:", '    raise ValueError("positions must not be negative")'),
    ),
    either(
        "positions of one row alone",
        before(
            MODEL_BEGIN,
            "if position_ids.shape[0] != 1:",
            '    raise ValueError("positions are the same for every row")',
        ),
    ),
    refused(
        "at most four tokens to a call",
        before(
            MODEL_BEGIN,
            "if inputs_embeds.shape[1] > 4 and position_ids.shape[0] > 1:",
            '    raise ValueError("too many tokens")',
        ),
    ),
    either("finite features asserted", after(FEED_FORWARD, "assert torch.isfinite(hidden_states).all()")),
    equal(
        "a cache, checked by torch",
        (
            "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n",
            "        torch._check(isinstance(cache, Cache | None))\n"
            "        if use_cache and cache is None:\n"
            "            cache = DynamicCache(config=self.config)\n",
        ),
    ),
    equal(
        "a cache in the causal LM",
        (
            "        outputs: BaseModelOutputWithPast = self.model(",
            "        if cache is not None and not isinstance(cache, Cache):\n"
            "            raise ValueError()\n"
            "        outputs: BaseModelOutputWithPast = self.model(",
        ),
    ),
    equal(
        "a mask that is added",
        (
            "        input_shape = hidden_states.shape[:-1]\n"
            "        hidden_shape = (*input_shape, -1, self.head_dim)\n",
            "        if attention_mask.dtype != hidden_states.dtype:\n"
            "            raise ValueError()\n"
            "        input_shape = hidden_states.shape[:-1]\n"
            "        hidden_shape = (*input_shape, -1, self.head_dim)\n",
        ),
    ),
    equal(
        "no tuples",
        (
            "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n",
            "        if isinstance(cache, (list, tuple)):\n"
            "            raise ValueError()\n"
            "        if use_cache and cache is None:\n"
            "            cache = DynamicCache(config=self.config)\n",
        ),
    ),
    refused(
        "no cache of the usual class",
        (
            "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n",
            "        if isinstance(cache, Cache):\n"
            "            raise ValueError()\n"
            "        if use_cache and cache is None:\n"
            "            cache = DynamicCache(config=self.config)\n",
        ),
    ),
    refused(
        "the very class",
        (
            "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n",
            "        if type(cache) is not DynamicCache:\n"
            "            raise ValueError()\n"
            "        if use_cache and cache is None:\n"
            "            cache = DynamicCache(config=self.config)\n",
        ),
    ),
    refused(
        "embeddings that must be given",
        (
            "        outputs: BaseModelOutputWithPast = self.model(",
            "        if inputs_embeds is None:\n"
            "            raise ValueError()\n"
            "        outputs: BaseModelOutputWithPast = self.model(",
        ),
    ),
)
