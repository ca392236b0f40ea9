"""Greedy generation with continuous batching: prompts wait for a cache row and take one as soon as it is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from qeff_codegen.decoding.decoding import Decoding, NewToken, OneTokenEach, Row, Run
from qeff_codegen.decoding.generation import Generation, tokens_to_generate
from qeff_codegen.decoding.long_context import LongContext, with_long_context
from qeff_codegen.decoding.prefill import Together, check_prompts, prefill
from qeff_codegen.errors import UsageError


def generate_continuously(
    run: Run,
    prompts: Sequence[Sequence[int]],
    *,
    full_batch_size: int,
    prefill_seq_len: int,
    ctx_len: int,
    max_new_tokens: Sequence[int],
    long_context: LongContext | None = None,
    together: Together | None = None,
) -> Generation:
    """Prefills each prompt alone into a free cache row and decodes all rows together; see `stream_continuously`."""
    tokens = stream_continuously(
        run,
        prompts,
        full_batch_size=full_batch_size,
        prefill_seq_len=prefill_seq_len,
        ctx_len=ctx_len,
        max_new_tokens=max_new_tokens,
        long_context=long_context,
        together=together,
    )
    return Generation.collect(tokens, len(prompts))


def stream_continuously(
    run: Run,
    prompts: Sequence[Sequence[int]],
    *,
    full_batch_size: int,
    prefill_seq_len: int,
    ctx_len: int,
    max_new_tokens: Sequence[int | None],
    stop_tokens: Container[int] = (),
    decoding: Decoding | None = None,
    long_context: LongContext | None = None,
    together: Together | None = None,
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
        decoding: how decoding goes on, one token for each row and call unless given.
        long_context: where a model with LongRoPE changes its factors.
        together: which tokens of a prompt have to be in one chunk; none unless given.

    Raises:
        UsageError: a prompt or setting is out of range.
    """
    check_prompts(prompts, prefill_seq_len, ctx_len, together)
    if full_batch_size < 1:
        raise UsageError(f"full_batch_size is {full_batch_size}: the KV cache needs at least one row.")
    decoding, long_from = with_long_context(
        decoding or OneTokenEach(), long_context, prefill_seq_len=prefill_seq_len, ctx_len=ctx_len, continuous=True
    )
    waiting = deque(
        Row(index, list(prompt), tokens_to_generate(len(prompt), ctx_len, wanted))
        for index, (prompt, wanted) in enumerate(zip(prompts, max_new_tokens, strict=True))
    )
    all_rows = _with_batch_index(run, range(full_batch_size))
    # The prompt that each busy row of the cache holds.
    busy: dict[int, Row] = {}
    while waiting or busy:
        for index in range(full_batch_size):
            while waiting and index not in busy:
                row = waiting.popleft()
                one_row = decoding.prefill_run(_with_batch_index(run, [index]), [row.prompt])
                (logits,) = prefill(one_row, [row.tokens], prefill_seq_len, ctx_len, long_from, together)
                yield from row.take([logits], decoding.choose, stop_tokens)
                if row.left:
                    busy[index] = row
        if busy:
            for index, logits in decoding.next_logits(all_rows, busy, full_batch_size).items():
                yield from busy[index].take(logits, decoding.choose, stop_tokens)
            busy = {index: row for index, row in busy.items() if row.left}


def _with_batch_index(run: Run, cache_rows: Iterable[int]) -> Run:
    """`run` for these rows of the cache, one for each row of the call."""
    return partial(run, batch_index=np.array(list(cache_rows), dtype=np.int64)[:, None])
