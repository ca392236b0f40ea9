"""Stage 1: what Hugging Face's own model answers, one row at a time and without padding."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.export.kv_cache import cache_of
from qeff_codegen.tiny_models.families import is_of_transformers
from qeff_codegen.tiny_models.models import keeps_states
from qeff_codegen.tiny_models.release_differences import cache_argument, every_rope_setting
from qeff_codegen.validation.comparison import RELATIVE_TOLERANCE, Trace
from qeff_codegen.validation.rounding import rounding_of
from qeff_codegen.validation.scenarios import Scenario

# How many tokens tell whether positions matter, and what a model makes for a cache.
PROBE = 3


def reference_trace(model: Any, scenario: Scenario) -> Trace:
    """Greedy tokens and logits of upstream's model, batch 1 per row.

    With upstream's own `DynamicCache`, the prompt is one call and each new token another, except where
    `call_split_matters`: then the prompt comes in chunks of `prefill_seq_len`, as the other stages get it.

    A model whose code is not transformers' own starts without a cache and goes on with what each call hands back,
    which may be pairs of keys and values: a `DynamicCache` of this release may be one that it cannot read.

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


def positions_matter(model: Any) -> bool:
    """Whether upstream's model answers otherwise when it is given the positions that `generate` would give it.

    Some embeddings count from the row after the pad token's number when they are given no positions; `generate` gives
    every forward that takes them positions from 0, and its answers are the reference.
    """
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return False
    # The last numbers of a vocabulary belong to no special token.
    tokens = torch.arange(model.config.vocab_size - PROBE, model.config.vocab_size)[None]
    given = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "use_cache": False}
    with torch.no_grad():
        counted = model(**given).logits
        told = model(**given, position_ids=torch.arange(PROBE)[None]).logits
    return not torch.allclose(counted, told, rtol=0, atol=RELATIVE_TOLERANCE * float(counted.std()))


def begins_without_cache(model: Any) -> bool:
    """Whether upstream's model makes its cache in the first call, and hands it back.

    Of those of transformers, models that keep states do, which may insist on a cache of their own. Of all others,
    every one that makes any; one that makes none is given transformers' own.
    """
    if is_of_transformers(type(model)):
        return keeps_states(model.config)
    tokens = torch.ones(1, PROBE, dtype=torch.int64)
    with torch.no_grad():
        output = model(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=True)
    return cache_of(output) is not None


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
    caller = _Caller(model)
    logits: list[np.ndarray] = []
    with torch.no_grad():
        for call in calls[:-1]:
            caller.call(call)
        call = calls[-1]
        for _ in range(new_tokens):
            logits.append(caller.call(call).logits[0, -1].float().numpy())
            call = [int(logits[-1].argmax())]
    return np.stack(logits)


class _Caller:
    """Calls upstream's model for one text, part by part.

    The mask says that every token is real. Most models assume so when it is missing; some then look ahead. Some with
    states count positions from 0 in every call, so they are given them, as upstream's `generate` does.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._makes_cache = begins_without_cache(model)
        self._cache = None if self._makes_cache else DynamicCache(config=model.config)
        self._seen = 0
        self._given_positions = keeps_states(model.config) or positions_matter(model)

    def call(self, tokens: list[int]) -> Any:
        """The model's output for the next tokens of the text."""
        self._seen += len(tokens)
        given: dict[str, Any] = {cache_argument(self._model): self._cache}
        if self._given_positions:
            given["position_ids"] = torch.arange(self._seen - len(tokens), self._seen)[None]
        if not keeps_states(self._model.config):
            given["attention_mask"] = torch.ones(1, self._seen, dtype=torch.int64)
        output = self._model(input_ids=torch.tensor([tokens]), use_cache=True, **given)
        if self._makes_cache:
            self._cache = cache_of(output)
        return output
