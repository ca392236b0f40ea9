"""Greedy generation with any decoder: a batch of prompts that start together."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qeff_codegen.decoding.decoding import Decoding, NewToken, OneTokenEach, Row, Run
from qeff_codegen.decoding.long_context import LongContext, with_long_context
from qeff_codegen.decoding.prefill import Together, check_prompts, prefill
from qeff_codegen.errors import UsageError


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
    def collect(cls, stream: Iterable[NewToken], num_prompts: int) -> Generation:
        """Takes all tokens of a stream, each prompt's in their order."""
        logits: list[list[np.ndarray]] = [[] for _ in range(num_prompts)]
        for new in stream:
            logits[new.prompt].append(new.logits)
        return cls.from_logits(logits)

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
    run: Run,
    prompts: Sequence[Sequence[int]],
    *,
    prefill_seq_len: int,
    ctx_len: int,
    max_new_tokens: int | None = None,
    long_context: LongContext | None = None,
    together: Together | None = None,
) -> Generation:
    """Prefills the prompts as one batch and decodes greedily; see `stream`, whose tokens it collects."""
    tokens = stream(
        run,
        prompts,
        prefill_seq_len=prefill_seq_len,
        ctx_len=ctx_len,
        max_new_tokens=max_new_tokens,
        long_context=long_context,
        together=together,
    )
    return Generation.collect(tokens, len(prompts))


def stream(
    run: Run,
    prompts: Sequence[Sequence[int]],
    *,
    prefill_seq_len: int,
    ctx_len: int,
    max_new_tokens: int | None = None,
    stop_tokens: Container[int] = (),
    decoding: Decoding | None = None,
    long_context: LongContext | None = None,
    together: Together | None = None,
) -> Iterator[NewToken]:
    """Prefills the prompts as one batch and decodes greedily, giving every token as soon as it is known.

    Args:
        run: `run` of a decoder whose cache is empty and has one row per prompt.
        prompts: token ids; lengths may differ.
        prefill_seq_len: tokens per prefill chunk.
        ctx_len: slots per cache row; a row that reaches it stops, while others go on.
        max_new_tokens: tokens per prompt, the one that prefill yields included; None for all the context allows.
        stop_tokens: a prompt ends with the first of these, which is given too.
        decoding: how decoding goes on, one token for each row and call unless given.
        long_context: where a model with LongRoPE changes its factors.
        together: which tokens of a prompt have to be in one chunk; none unless given.

    Raises:
        UsageError: a prompt or setting is out of range.
    """
    check_prompts(prompts, prefill_seq_len, ctx_len, together)
    decoding, long_from = with_long_context(
        decoding or OneTokenEach(), long_context, prefill_seq_len=prefill_seq_len, ctx_len=ctx_len, continuous=False
    )
    rows = {
        index: Row(index, list(prompt), tokens_to_generate(len(prompt), ctx_len, max_new_tokens))
        for index, prompt in enumerate(prompts)
    }
    prefilled = prefill(
        decoding.prefill_run(run, range(len(prompts))), prompts, prefill_seq_len, ctx_len, long_from, together
    )
    next_logits = {index: [logits] for index, logits in enumerate(prefilled)}
    while rows:
        for index, logits in next_logits.items():
            yield from rows[index].take(logits, decoding.choose, stop_tokens)
        rows = {index: row for index, row in rows.items() if row.left}
        if rows:
            next_logits = decoding.next_logits(run, rows, len(prompts))
