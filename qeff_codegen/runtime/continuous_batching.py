"""Greedy generation with continuous batching: prompts wait for a cache row and take one as soon as it is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.generation import Generation, tokens_to_generate
from qeff_codegen.runtime.prefill import PAD_POSITION, PAD_TOKEN, check_prompts, prefill


class _ContinuousStep(Protocol):
    """`run` of a decoder that takes `batch_index`."""

    def __call__(self, input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray, /) -> np.ndarray: ...


def generate_continuously(
    run: _ContinuousStep,
    prompts: Sequence[Sequence[int]],
    *,
    full_batch_size: int,
    prefill_seq_len: int,
    ctx_len: int,
    max_new_tokens: Sequence[int],
) -> Generation:
    """Prefills each prompt alone into a free cache row, and decodes all rows together.

    Args:
        run: `run` of a decoder whose cache has `full_batch_size` rows. They need not be empty.
        prompts: token ids, in the order of arrival.
        full_batch_size: cache rows, which is also the decode batch; a row without a prompt sends a pad.
        prefill_seq_len: tokens per prefill chunk.
        ctx_len: slots per cache row.
        max_new_tokens: for each prompt, after how many tokens its row is free again.

    Raises:
        UsageError: a prompt or setting is out of range.
    """
    check_prompts(prompts, prefill_seq_len, ctx_len)
    if full_batch_size < 1:
        raise UsageError(f"full_batch_size is {full_batch_size}: the KV cache needs at least one row.")
    counts = [tokens_to_generate(len(prompt), ctx_len, n) for prompt, n in zip(prompts, max_new_tokens, strict=True)]
    logits: list[list[np.ndarray]] = [[] for _ in prompts]
    waiting = deque(range(len(prompts)))
    prompt_of_row: dict[int, int] = {}

    while waiting or prompt_of_row:
        for row in range(full_batch_size):
            if waiting and row not in prompt_of_row:
                prompt = prompt_of_row[row] = waiting.popleft()
                one_row = partial(_run_row, run, np.array([[row]], dtype=np.int64))
                logits[prompt].extend(prefill(one_row, [prompts[prompt]], prefill_seq_len, ctx_len))
        going_on = {row: prompt for row, prompt in prompt_of_row.items() if len(logits[prompt]) < counts[prompt]}
        if going_on:
            _decode_all_rows(run, full_batch_size, going_on, prompts, logits)
        prompt_of_row = {row: prompt for row, prompt in going_on.items() if len(logits[prompt]) < counts[prompt]}
    return Generation.from_logits(logits)


def _decode_all_rows(
    run: _ContinuousStep,
    full_batch_size: int,
    prompt_of_row: dict[int, int],
    prompts: Sequence[Sequence[int]],
    logits: list[list[np.ndarray]],
) -> None:
    """Runs one decode step and appends each prompt's logits `[vocab]`; rows without a prompt send pads."""
    input_ids = np.full((full_batch_size, 1), PAD_TOKEN, dtype=np.int64)
    position_ids = np.full((full_batch_size, 1), PAD_POSITION, dtype=np.int64)
    for row, prompt in prompt_of_row.items():
        input_ids[row] = logits[prompt][-1].argmax()
        position_ids[row] = len(prompts[prompt]) + len(logits[prompt]) - 1
    step_logits = run(input_ids, position_ids, np.arange(full_batch_size, dtype=np.int64)[:, None])
    for row, prompt in prompt_of_row.items():
        logits[prompt].append(step_logits[row, 0])


def _run_row(
    run: _ContinuousStep, batch_index: np.ndarray, input_ids: np.ndarray, position_ids: np.ndarray
) -> np.ndarray:
    return run(input_ids, position_ids, batch_index)
