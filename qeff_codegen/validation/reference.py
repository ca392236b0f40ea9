"""Stage 1: what Hugging Face's own model answers, one row at a time and without padding."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.tiny_models.release_differences import cache_argument, every_rope_setting
from qeff_codegen.validation.comparison import Trace
from qeff_codegen.validation.rounding import rounding_of
from qeff_codegen.validation.scenarios import Scenario


def reference_trace(model: Any, scenario: Scenario) -> Trace:
    """Greedy tokens and logits of upstream's model, batch 1 per row, with upstream's own `DynamicCache`.

    The prompt is one call and each new token another, except where `call_split_matters`: then the prompt comes in
    chunks of `prefill_seq_len`, as the other stages get it. Never are prompts padded on the right to one batch, which
    changes the answers of upstream's models with states.

    A model that keeps states computes the tokens of a call at once in another way than one by one, so that rounding
    alone makes a difference that attention has not; it is measured.
    """
    step = scenario.prefill_seq_len if call_split_matters(model.config) else None
    given = zip(scenario.prompts, scenario.new_tokens, strict=True)
    traces = [_continued(model, _prompt_calls(prompt, step), new_tokens) for prompt, new_tokens in given]
    rounding = 0.0
    if keeps_states(model.config):
        rounding = max(rounding_of(model, calls, logits, _logits) for calls, logits in traces)
    return Trace(tuple(logits for _, logits in traces), rounding)


def keeps_states(config: Any) -> bool:
    """Whether upstream's cache of such a model has layers for more than keys and values."""
    return any(hasattr(layer, "recurrent_states") for layer in DynamicCache(config=config).layers)


def call_split_matters(config: Any) -> bool:
    """Whether upstream itself answers differently when the same tokens come in other calls.

    LongRoPE picks its long or short frequencies by the largest position of a call and keeps rotated keys in the
    cache, so a prompt that crosses `original_max_position_embeddings` has as many answers as it has splits.
    """
    return any(settings.get("rope_type") == "longrope" for settings in every_rope_setting(config))


def _prompt_calls(prompt: tuple[int, ...], step: int | None) -> list[list[int]]:
    """The tokens of each call of a prompt: all at once, or so many at a time."""
    step = step or len(prompt)
    return [list(prompt[start : start + step]) for start in range(0, len(prompt), step)]


def _continued(model: Any, calls: list[list[int]], new_tokens: int) -> tuple[list[list[int]], np.ndarray]:
    """The calls of a prompt and of the tokens that follow it, and the logits that these were chosen from."""
    cache = DynamicCache(config=model.config)
    calls = list(calls)
    logits: list[np.ndarray] = []
    seen = 0
    with torch.no_grad():
        for call in calls:
            seen += len(call)
            output = _call(model, call, seen, cache)
        while True:
            logits.append(output.logits[0, -1].float().numpy())
            if len(logits) == new_tokens:
                return calls, np.stack(logits)
            calls.append([int(logits[-1].argmax())])
            seen += 1
            output = _call(model, calls[-1], seen, cache)


def _logits(model: Any, calls: list[list[int]]) -> np.ndarray:
    """The logits of the last token of each call, float64 `[calls, vocab]`."""
    cache = DynamicCache(config=model.config)
    seen = np.cumsum([len(call) for call in calls])
    with torch.no_grad():
        outputs = [_call(model, call, int(length), cache) for call, length in zip(calls, seen, strict=True)]
    return np.stack([output.logits[0, -1].double().numpy() for output in outputs])


def _call(model: Any, tokens: list[int], seen: int, cache: DynamicCache) -> Any:
    """One call of upstream's model; `seen` counts all tokens so far, these included.

    The mask says that every token is real. Most models assume so when it is missing; some then look ahead.
    """
    given: dict[str, Any] = {cache_argument(model): cache}
    if keeps_states(model.config):
        given |= _positions(model, tokens, seen)
    else:
        given["attention_mask"] = torch.ones(1, seen, dtype=torch.int64)
    return model(input_ids=torch.tensor([tokens]), use_cache=True, **given)


def _positions(model: Any, tokens: list[int], seen: int) -> dict[str, Any]:
    """What tells a model with states where it is, as upstream's `generate` does.

    Some count positions from 0 in every call unless they are given them. Those without attention take none, and multiply
    the tokens of a call by whatever mask there is, that of earlier ones too.
    """
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return {}
    return {"position_ids": torch.arange(seen - len(tokens), seen)[None]}
