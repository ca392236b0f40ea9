"""Stage 1: what Hugging Face's own model answers, one row at a time and without padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.export.kv_cache import cache_of
from qeff_codegen.tiny_models.models import keeps_states
from qeff_codegen.tiny_models.release_differences import cache_argument, every_rope_setting
from qeff_codegen.validation.comparison import Trace
from qeff_codegen.validation.rounding import rounding_of
from qeff_codegen.validation.scenarios import Scenario


def reference_trace(model: Any, scenario: Scenario) -> Trace:
    """Greedy tokens and logits of upstream's model, batch 1 per row.

    With upstream's own `DynamicCache`, the prompt is one call and each new token another, except where
    `call_split_matters`: then the prompt comes in chunks of `prefill_seq_len`, as the other stages get it.

    Any other model that keeps states is given the whole text for every token, and no cache. Upstream has two texts for
    such layers, one for many tokens and one for a single one; they are not always equal, and what is generated is the
    first. Its rounding is measured too: many tokens at once are another order of arithmetic than tokens in turn.
    """
    given = zip(scenario.prompts, scenario.new_tokens, strict=True)
    if keeps_states(model.config) and not call_split_matters(model.config):
        texts = [_text_of_whole(model, prompt, new_tokens) for prompt, new_tokens in given]
        return Trace(tuple(logits for _, logits in texts), max(rounding_of(model, *text) for text in texts))
    return Trace(
        tuple(_logits_of_prompt(model, prompt, new_tokens, scenario.prefill_seq_len) for prompt, new_tokens in given)
    )


def call_split_matters(config: Any) -> bool:
    """Whether upstream itself answers differently when the same tokens come in other calls.

    LongRoPE picks its long or short frequencies by the largest position of a call and keeps rotated keys in the
    cache, so a prompt that crosses `original_max_position_embeddings` has as many answers as it has splits.
    """
    return any(settings.get("rope_type") == "longrope" for settings in every_rope_setting(config))


def _text_of_whole(model: Any, prompt: tuple[int, ...], new_tokens: int) -> tuple[list[int], np.ndarray]:
    """The text but its last token, and the logits that each new token was chosen from, each time of the whole text."""
    text = list(prompt)
    logits: list[np.ndarray] = []
    with torch.no_grad():
        while True:
            output = model(input_ids=torch.tensor([text]), use_cache=False)
            logits.append(output.logits[0, -1].float().numpy())
            if len(logits) == new_tokens:
                return text, np.stack(logits)
            text.append(int(logits[-1].argmax()))


def _logits_of_prompt(model: Any, prompt: tuple[int, ...], new_tokens: int, chunk: int) -> np.ndarray:
    step = chunk if call_split_matters(model.config) else len(prompt)
    calls = [list(prompt[start : start + step]) for start in range(0, len(prompt), step)]
    # A model that keeps states may insist on a cache of its own, which it makes in the first call.
    cache = None if keeps_states(model.config) else DynamicCache(config=model.config)
    logits: list[np.ndarray] = []
    seen = 0
    with torch.no_grad():
        for call in calls[:-1]:
            seen += len(call)
            cache = cache_of(_call(model, call, seen, cache))
        call = calls[-1]
        for _ in range(new_tokens):
            seen += len(call)
            output = _call(model, call, seen, cache)
            cache = cache_of(output)
            logits.append(output.logits[0, -1].float().numpy())
            call = [int(logits[-1].argmax())]
    return np.stack(logits)


def _call(model: Any, tokens: list[int], seen: int, cache: DynamicCache | None) -> Any:
    """One call of upstream's model; `seen` counts all tokens so far, these included.

    The mask says that every token is real. Most models assume so when it is missing; some then look ahead. Some with
    states count positions from 0 in every call, so they are given them, as upstream's `generate` does.
    """
    given: dict[str, Any] = {cache_argument(model): cache}
    if keeps_states(model.config):
        given["position_ids"] = torch.arange(seen - len(tokens), seen)[None]
    else:
        given["attention_mask"] = torch.ones(1, seen, dtype=torch.int64)
    return model(input_ids=torch.tensor([tokens]), use_cache=True, **given)
