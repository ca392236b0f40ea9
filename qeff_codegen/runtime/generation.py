"""Greedy generation with any decoder: a batch of prompts that start together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.prefill import PAD_POSITION, PAD_TOKEN, Step, check_prompts, prefill


@dataclass(frozen=True)
class Generation:
    """What a decoder generated.

    Attributes:
        tokens: one list of generated token ids per prompt, without the prompt.
        logits: float32 `[steps, prompts, vocab]`; `logits[i, p]` is what `tokens[p][i]` was chosen from, and NaN
            where prompt `p` generated fewer tokens.
    """

    tokens: list[list[int]]
    logits: np.ndarray

    @classmethod
    def from_logits(cls, logits: Sequence[Sequence[np.ndarray]]) -> Generation:
        """Takes, for each prompt, the logits `[vocab]` of each of its steps."""
        steps = max(map(len, logits))
        padded = np.full((steps, len(logits), logits[0][0].shape[0]), np.nan, dtype=np.float32)
        for prompt, rows in enumerate(logits):
            padded[: len(rows), prompt] = rows
        return cls([[int(row.argmax()) for row in rows] for rows in logits], padded)


def tokens_to_generate(prompt_length: int, ctx_len: int, max_new_tokens: int | None) -> int:
    """Returns how many tokens follow a prompt: the number asked for, or as many as the context allows.

    The last one needs no slot, since nothing attends to it: a prompt that fills the context is followed by one.

    Raises:
        UsageError: fewer than one token is asked for.
    """
    if max_new_tokens is not None and max_new_tokens < 1:
        raise UsageError(f"max_new_tokens is {max_new_tokens}: prefill alone yields one token. Pass 1 or more.")
    room = ctx_len - prompt_length + 1
    return room if max_new_tokens is None else min(room, max_new_tokens)


def generate(
    step: Step,
    prompts: Sequence[Sequence[int]],
    *,
    prefill_seq_len: int,
    ctx_len: int,
    max_new_tokens: int | None = None,
) -> Generation:
    """Prefills the prompts as one batch and decodes greedily.

    Args:
        step: `run` of a decoder whose cache is empty and has one row per prompt.
        prompts: token ids; lengths may differ.
        prefill_seq_len: tokens per prefill chunk.
        ctx_len: slots per cache row; a row that reaches it stops, while others go on.
        max_new_tokens: tokens per prompt, the one that prefill yields included; None for all the context allows.

    Raises:
        UsageError: a prompt or setting is out of range.
    """
    check_prompts(prompts, prefill_seq_len, ctx_len)
    counts = [tokens_to_generate(len(prompt), ctx_len, max_new_tokens) for prompt in prompts]
    logits = [[row] for row in prefill(step, prompts, prefill_seq_len, ctx_len)]
    for generated in range(1, max(counts)):
        going_on = [row for row, count in enumerate(counts) if generated < count]
        input_ids = np.full((len(prompts), 1), PAD_TOKEN, dtype=np.int64)
        position_ids = np.full((len(prompts), 1), PAD_POSITION, dtype=np.int64)
        for row in going_on:
            input_ids[row] = logits[row][-1].argmax()
            position_ids[row] = len(prompts[row]) + generated - 1
        step_logits = step(input_ids, position_ids)
        for row in going_on:
            logits[row].append(step_logits[row, 0])
    return Generation.from_logits(logits)
