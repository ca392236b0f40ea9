"""Greedy generation with continuous batching: prompts wait for a cache row and take one as soon as it is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.generation import Generation, NewToken, tokens_to_generate
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
    """Prefills each prompt alone into a free cache row and decodes all rows together; see `stream_continuously`."""
    tokens = stream_continuously(
        run,
        prompts,
        full_batch_size=full_batch_size,
        prefill_seq_len=prefill_seq_len,
        ctx_len=ctx_len,
        max_new_tokens=max_new_tokens,
    )
    return Generation.collect(tokens, len(prompts))


def stream_continuously(
    run: _ContinuousStep,
    prompts: Sequence[Sequence[int]],
    *,
    full_batch_size: int,
    prefill_seq_len: int,
    ctx_len: int,
    max_new_tokens: Sequence[int | None],
    stop_tokens: Container[int] = (),
) -> Iterator[NewToken]:
    """Prefills each prompt alone into a free cache row, and decodes all rows together, giving each token at once.

    Args:
        run: `run` of a decoder whose cache has `full_batch_size` rows. They need not be empty.
        prompts: token ids, in the order of arrival.
        full_batch_size: cache rows, which is also the decode batch; a row without a prompt sends a pad.
        prefill_seq_len: tokens per prefill chunk.
        ctx_len: slots per cache row.
        max_new_tokens: for each prompt, after how many tokens its row is free again; None for all the context allows.
        stop_tokens: a prompt ends with the first of these, which is given too, and its row is free again.

    Raises:
        UsageError: a prompt or setting is out of range.
    """
    check_prompts(prompts, prefill_seq_len, ctx_len)
    if full_batch_size < 1:
        raise UsageError(f"full_batch_size is {full_batch_size}: the KV cache needs at least one row.")
    counts = [tokens_to_generate(len(prompt), ctx_len, n) for prompt, n in zip(prompts, max_new_tokens, strict=True)]
    generated = [0] * len(prompts)
    waiting = deque(range(len(prompts)))
    # The last token of the prompt that each busy row holds.
    last: dict[int, NewToken] = {}

    def goes_on(new: NewToken) -> bool:
        return generated[new.prompt] < counts[new.prompt] and new.token not in stop_tokens

    while waiting or last:
        for row in range(full_batch_size):
            while waiting and row not in last:
                prompt = waiting.popleft()
                one_row = partial(_run_row, run, np.array([[row]], dtype=np.int64))
                (logits,) = prefill(one_row, [prompts[prompt]], prefill_seq_len, ctx_len)
                new = NewToken(prompt, int(logits.argmax()), logits)
                generated[prompt] += 1
                yield new
                if goes_on(new):
                    last[row] = new
        if not last:
            return
        step_logits = _decode_all_rows(run, full_batch_size, last, prompts, generated)
        for row, before in list(last.items()):
            new = NewToken(before.prompt, int(step_logits[row, 0].argmax()), step_logits[row, 0])
            generated[new.prompt] += 1
            yield new
            if goes_on(new):
                last[row] = new
            else:
                del last[row]


def _decode_all_rows(
    run: _ContinuousStep,
    full_batch_size: int,
    last: dict[int, NewToken],
    prompts: Sequence[Sequence[int]],
    generated: Sequence[int],
) -> np.ndarray:
    """Runs one decode step; rows without a prompt send pads."""
    input_ids = np.full((full_batch_size, 1), PAD_TOKEN, dtype=np.int64)
    position_ids = np.full((full_batch_size, 1), PAD_POSITION, dtype=np.int64)
    for row, new in last.items():
        input_ids[row] = new.token
        position_ids[row] = len(prompts[new.prompt]) + generated[new.prompt] - 1
    return run(input_ids, position_ids, np.arange(full_batch_size, dtype=np.int64)[:, None])


def _run_row(
    run: _ContinuousStep, batch_index: np.ndarray, input_ids: np.ndarray, position_ids: np.ndarray
) -> np.ndarray:
    return run(input_ids, position_ids, batch_index)
