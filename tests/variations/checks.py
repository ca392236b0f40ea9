"""Checks of arguments that our calls would fail, or pass: none stays to raise for a call of ours."""

from __future__ import annotations

from tests.variations.blueprint import (
    ATTENTION_SHAPE,
    FEED_FORWARD,
    FLATTENED,
    LAYER_BEGIN,
    LOGITS,
    MASKED,
    MODEL_BEGIN,
    MODEL_CACHE,
    REPEATED_VALUES,
    ROTATED,
    SCORES,
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
    either(
        "the cache must be a Cache or None, in two conditions",
        before(
            MODEL_CACHE,
            "if cache is not None and not isinstance(cache, Cache):",
            '    raise TypeError("`cache` must be a `Cache`")',
        ),
    ),
    either(
        "the cache must be a Cache or None, of a union",
        before(
            MODEL_CACHE, "if not isinstance(cache, Cache | None):", '    raise ValueError("`cache` must be a `Cache`")'
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
        "the cache must be there in the layer",
        after(LAYER_BEGIN, "if use_cache and cache is None:", '    raise ValueError("`use_cache` needs a cache")'),
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
        "the layers' mask must have four axes",
        before(
            REPEATED_VALUES,
            "if attention_mask is not None and attention_mask.ndim != 4:",
            '    raise ValueError("the mask must have four axes")',
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
        "the layers' mask must have the queries' type",
        before(
            MASKED,
            "if attention_mask is not None and attention_mask.dtype != query.dtype:",
            '    raise ValueError("the mask has the wrong type")',
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
        "no position may be negative, by torch's check",
        before(MODEL_BEGIN, "torch._check((position_ids >= 0).all().item())"),
    ),
    either(
        "positions must begin where the cache ends",
        before(
            MODEL_BEGIN,
            "if cache is not None and position_ids[0, 0] != cache.get_seq_length():",
            '    raise ValueError("positions must follow the cache")',
        ),
    ),
    either(
        "positions of one row alone",
        before(
            MODEL_BEGIN,
            "if position_ids.shape[0] != 1:",
            '    raise ValueError("positions are the same for every row")',
        ),
    ),
    either(
        "one row alone",
        before(MODEL_CACHE, 'assert inputs_embeds.shape[0] >= 1, "no rows"'),
    ),
    either(
        "a call of one token once the cache is filled",
        before(
            MODEL_BEGIN,
            "if inputs_embeds.shape[1] != 1 and cache is not None and cache.get_seq_length() > 0:",
            '    raise ValueError("one token at a time")',
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
    either(
        "no more tokens than positions",
        before(
            MODEL_BEGIN,
            "if inputs_embeds.shape[1] > self.config.max_position_embeddings:",
            '    raise ValueError("too many tokens")',
        ),
    ),
    either(
        "labels and a cache exclude each other",
        before(LOGITS, "if labels is not None and use_cache:", '    raise ValueError("no cache with labels")'),
    ),
    either(
        "the heads' number checked",
        before(
            FLATTENED,
            "if attn_output.shape[-2] != self.config.num_attention_heads:",
            '    raise ValueError("wrong heads")',
        ),
    ),
    either(
        "keys and values of one shape",
        before(
            ROTATED, "if key_states.shape != value_states.shape:", '    raise ValueError("keys and values differ")'
        ),
    ),
    either("finite features asserted", after(FEED_FORWARD, "assert torch.isfinite(hidden_states).all()")),
    either("finite scores asserted before the mask", after(SCORES, "assert not torch.isnan(attn_weights).any()")),
    either(
        "attentions cannot be put out",
        before(MODEL_CACHE, 'if kwargs.get("output_attentions"):', '    raise ValueError("no attentions")'),
    ),
    either(
        "unknown arguments are refused",
        before(MODEL_CACHE, "if kwargs:", '    raise TypeError(f"unknown arguments: {sorted(kwargs)}")'),
    ),
    either("unknown arguments are refused by the layer", after(LAYER_BEGIN, "assert not kwargs")),
    equal(
        "the layer's index checked",
        after(ATTENTION_SHAPE, "if self.layer_idx is None:", '    raise ValueError("the layer has no index")'),
    ),
    equal(
        "the width checked",
        after(
            ATTENTION_SHAPE,
            "if hidden_states.shape[-1] != self.config.hidden_size:",
            '    raise ValueError("wrong width")',
        ),
    ),
)
