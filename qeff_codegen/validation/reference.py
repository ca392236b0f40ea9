"""Stage 1: what Hugging Face's own model answers, one row at a time and without padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.tiny_models.release_differences import cache_argument, every_rope_setting
from qeff_codegen.validation.comparison import Trace
from qeff_codegen.validation.scenarios import Scenario


def reference_trace(model: Any, scenario: Scenario) -> Trace:
    """Greedy tokens and logits of upstream's model, batch 1 per row, with upstream's own `DynamicCache`.

    The prompt is one call and each new token another, except where `call_split_matters`: then the prompt comes in
    chunks of `prefill_seq_len`, as the other stages get it.
    """
    return Trace(
        tuple(
            _logits_of_prompt(model, prompt, new_tokens, scenario.prefill_seq_len)
            for prompt, new_tokens in zip(scenario.prompts, scenario.new_tokens, strict=True)
        )
    )


def call_split_matters(config: Any) -> bool:
    """Whether upstream itself answers differently when the same tokens come in other calls.

    LongRoPE picks its long or short frequencies by the largest position of a call and keeps rotated keys in the
    cache, so a prompt that crosses `original_max_position_embeddings` has as many answers as it has splits.
    """
    return any(settings.get("rope_type") == "longrope" for settings in every_rope_setting(config))


def _logits_of_prompt(model: Any, prompt: tuple[int, ...], new_tokens: int, chunk: int) -> np.ndarray:
    step = chunk if call_split_matters(model.config) else len(prompt)
    calls = [list(prompt[start : start + step]) for start in range(0, len(prompt), step)]
    cache = DynamicCache(config=model.config)
    logits: list[np.ndarray] = []
    seen = 0
    with torch.no_grad():
        for call in calls[:-1]:
            seen += len(call)
            _call(model, call, seen, cache)
        call = calls[-1]
        for _ in range(new_tokens):
            seen += len(call)
            output = _call(model, call, seen, cache)
            logits.append(output.logits[0, -1].float().numpy())
            call = [int(logits[-1].argmax())]
    return np.stack(logits)


def _call(model: Any, tokens: list[int], seen: int, cache: DynamicCache) -> Any:
    """One call of upstream's model; `seen` counts all tokens so far, these included.

    The mask says that every token is real. Most models assume so when it is missing; some then look ahead.
    """
    mask = torch.ones(1, seen, dtype=torch.int64)
    named_cache = {cache_argument(model): cache}
    return model(input_ids=torch.tensor([tokens]), attention_mask=mask, use_cache=True, **named_cache)
