"""Where a model with LongRoPE changes its factors, and what its `generate()` does there."""

from __future__ import annotations

import inspect
from typing import Any

from qeff_codegen.decoding.long_context import LongContext
from qeff_codegen.tiny_models.models import keeps_states
from qeff_codegen.tiny_models.release_differences import every_rope_setting

ORIGINAL = "original_max_position_embeddings"


def long_context_of(model: Any) -> LongContext | None:
    """What a session must know of a causal LM, upstream's or ours; None without LongRoPE.

    None too for a model that keeps states: they take each token once, so no chunk can hold one before its turn.
    `generate()` drops the cache in the class's own `prepare_inputs_for_generation`, for `phi3` and `phimoe` of
    transformers 5.24.0, which reads the original context; `GenerationMixin`'s does not.
    """
    config = model.config
    found = [settings for settings in every_rope_setting(config) if settings.get("rope_type") == "longrope"]
    if not found or keeps_states(config):
        return None
    original = found[0].get(ORIGINAL) or getattr(config, ORIGINAL, None) or config.max_position_embeddings
    prepares = inspect.unwrap(type(model).prepare_inputs_for_generation)
    return LongContext(int(original), ORIGINAL in prepares.__code__.co_names)
