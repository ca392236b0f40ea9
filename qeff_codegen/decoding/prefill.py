"""Feeds prompts to a decoder in chunks of a fixed length, padded on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from qeff_codegen.errors import UsageError

# One call of a decoder: input_ids and position_ids, int64 [batch_size, seq_len], to logits [batch_size, 1, vocab].
Step = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Of a prompt's tokens, the ranges of places that have to be in one call, in order.
Together = Callable[[Sequence[int]], Sequence[range]]

PAD_POSITION = -1
# The position alone marks a pad; its token only has to be one that every vocabulary has.
PAD_TOKEN = 0


def check_prompts(
    prompts: Sequence[Sequence[int]], prefill_seq_len: int, ctx_len: int, together: Together | None = None
) -> None:
    """Makes sure that the prompts can be prefilled.

    Raises:
        UsageError: naming the prompt or setting that is wrong.
    """
    if prefill_seq_len < 1:
        raise UsageError(f"prefill_seq_len is {prefill_seq_len}: a chunk holds at least one token.")
    if ctx_len < prefill_seq_len:
        raise UsageError(
            f"ctx_len is {ctx_len}, less than prefill_seq_len {prefill_seq_len}: a chunk would not fit into the KV "
            "cache. Pass a longer ctx_len or a shorter prefill_seq_len."
        )
    if not prompts:
        raise UsageError("there are no prompts. Pass at least one.")
    for index, prompt in enumerate(prompts):
        if not prompt:
            raise UsageError(f"prompt {index} has no tokens. Pass at least one, such as the begin-of-text token.")
        if len(prompt) > ctx_len:
            raise UsageError(
                f"prompt {index} has {len(prompt)} tokens, more than ctx_len {ctx_len}. Pass a longer ctx_len or a "
                "shorter prompt."
            )
        _check_together(index, [] if together is None else together(prompt), prefill_seq_len)


def _check_together(index: int, ranges: Sequence[range], prefill_seq_len: int) -> None:
    longest = max(map(len, ranges), default=0)
    if longest > prefill_seq_len:
        raise UsageError(
            f"prompt {index} has {longest} tokens that attend to one another both ways and have to be in one call, "
            f"more than prefill_seq_len {prefill_seq_len}. Pass a longer prefill_seq_len."
        )


def prefill(
    step: Step,
    prompts: Sequence[Sequence[int]],
    prefill_seq_len: int,
    ctx_len: int,
    long_from: int | None = None,
    together: Together | None = None,
) -> np.ndarray:
    """Runs all chunks of all prompts, which start together and may end in different chunks.

    Args:
        step: the decoder.
        prompts: one list of token ids per input row; an empty one for a row that only gets pads.
        prefill_seq_len: tokens per chunk.
        ctx_len: slots per cache row.
        long_from: where LongRoPE changes its factors; see `long_context`.
        together: which tokens of a prompt have to be in one chunk.

    Returns:
        float32 `[batch_size, vocab]`: for each row, the logits after its prompt's last token.
    """
    last_logits: list[np.ndarray | None] = [None] * len(prompts)
    for input_ids, position_ids in prefill_chunks(prompts, prefill_seq_len, ctx_len, long_from, together):
        logits = step(input_ids, position_ids)
        for row, prompt in enumerate(prompts):
            if position_ids[row].max() == len(prompt) - 1:
                last_logits[row] = logits[row, 0]
    return np.stack([logits for logits in last_logits if logits is not None])


def prefill_chunks(
    prompts: Sequence[Sequence[int]],
    prefill_seq_len: int,
    ctx_len: int,
    long_from: int | None = None,
    together: Together | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields input_ids and position_ids, each int64 `[batch_size, prefill_seq_len]`, chunk by chunk.

    A row whose prompt ended in an earlier chunk is all pads.

    Raises:
        UsageError: tokens have to be in one chunk, which keeps a prompt from filling the context.
    """
    chunks: list[Sequence[Sequence[int]]] = []
    for index, prompt in enumerate(prompts):
        ranges = [] if together is None else [each for each in together(prompt) if len(each) > 1]
        if long_from is not None and len(prompt) > long_from and not ranges:
            chunks.append(_long_chunks(len(prompt), prefill_seq_len, long_from))
        elif ranges:
            chunks.append(_chunks_around(index, len(prompt), prefill_seq_len, ctx_len, ranges))
        else:
            chunks.append(_chunks(len(prompt), prefill_seq_len, ctx_len))
    for chunk in range(max(map(len, chunks))):
        input_ids = np.full((len(prompts), prefill_seq_len), PAD_TOKEN, dtype=np.int64)
        position_ids = np.full((len(prompts), prefill_seq_len), PAD_POSITION, dtype=np.int64)
        for row, prompt in enumerate(prompts):
            if chunk < len(chunks[row]):
                positions = chunks[row][chunk]
                input_ids[row, : len(positions)] = [prompt[position] for position in positions]
                position_ids[row, : len(positions)] = positions
        yield input_ids, position_ids


def _long_chunks(prompt_length: int, prefill_seq_len: int, long_from: int) -> Sequence[Sequence[int]]:
    """Returns the positions of each chunk's tokens, each with one that takes LongRoPE's long factors.

    Chunks without one of their own come first, each with the last token behind its own tokens. The others are counted
    from the prompt's end, so the chunk that keeps that token has no pads, which would be written to the last slot.
    """
    last, room = prompt_length - 1, prefill_seq_len - 1
    stops = range(prompt_length, long_from, -prefill_seq_len)[::-1]
    long = [range(max(0, stop - prefill_seq_len), stop) for stop in stops]
    before = long[0].start
    return [[*range(start, min(start + room, before)), last] for start in range(0, before, room)] + long


def _chunks(prompt_length: int, prefill_seq_len: int, ctx_len: int) -> list[range]:
    """Returns the positions of each chunk's tokens; one chunk may have fewer than the others, and pads behind them.

    A pad's position -1 wraps to the last slot, so a chunk that writes the last slot must hold no pads. Where it
    would, the first chunk is the one with fewer tokens.
    """
    first = prompt_length % prefill_seq_len if prompt_length == ctx_len else 0
    starts = [0, *range(first or prefill_seq_len, prompt_length, prefill_seq_len)]
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], prompt_length], strict=True)]


def _chunks_around(
    index: int, prompt_length: int, prefill_seq_len: int, ctx_len: int, ranges: Sequence[range]
) -> list[range]:
    """The same where tokens of a range have to be in one chunk: before one that does not fit, a chunk ends.

    Raises:
        UsageError: the prompt fills the context, and its last chunk has pads.
    """
    starts = [0]
    while starts[-1] + prefill_seq_len < prompt_length:
        stop = starts[-1] + prefill_seq_len
        starts.append(next((each.start for each in ranges if each.start < stop < each.stop), stop))
    found = [range(start, stop) for start, stop in zip(starts, [*starts[1:], prompt_length], strict=True)]
    if prompt_length == ctx_len and len(found[-1]) < prefill_seq_len:
        raise UsageError(
            f"prompt {index} fills the context of {ctx_len} slots, and its last chunk has pads, since some of its "
            "tokens have to be in one call. Pass a longer ctx_len."
        )
    return found
