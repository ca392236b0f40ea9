"""The situations a model must survive with the same tokens and logits as upstream."""

from __future__ import annotations

from dataclasses import dataclass

from qeff_codegen.decoding.long_context import LongContext
from qeff_codegen.decoding.prefill import Together
from qeff_codegen.tiny_models.models import random_tokens


@dataclass(frozen=True)
class Scenario:
    """Some prompts, decoded greedily.

    Attributes:
        name: what is put to the test, for the report.
        prompts: token ids; lengths may differ (right padding).
        prefill_seq_len: prompt tokens per call; longer prompts come in several calls.
        ctx_len: slots per row of the KV cache, in tokens.
        new_tokens: for each prompt, how many tokens it generates, the one the prefill yields included.
        split_after: where a call of several tokens comes as two, padded, how many tokens of a row the first has; None
            where a prompt has pads in its last or first call alone.
        full_batch_size: rows of the KV cache, for continuous batching: a prompt takes a row as soon as one is free.
            None when all prompts start together, each in its own row.
        long_context: where the model changes the factors of LongRoPE, if it does.
        together: which tokens of a prompt have to be in one call, if some have.
    """

    name: str
    prompts: tuple[tuple[int, ...], ...]
    prefill_seq_len: int
    ctx_len: int
    new_tokens: tuple[int, ...]
    full_batch_size: int | None = None
    split_after: int | None = None
    long_context: LongContext | None = None
    together: Together | None = None

    @property
    def cache_rows(self) -> int:
        """Rows of the KV cache."""
        return self.full_batch_size or len(self.prompts)


@dataclass(frozen=True)
class _Shape:
    name: str
    prompt_lengths: tuple[int, ...]
    prefill_seq_len: int
    ctx_len: int
    new_tokens: tuple[int, ...]
    full_batch_size: int | None = None
    split_after: int | None = None


# Right padding, down to a prompt of one token.
_RAGGED = _Shape("ragged batch", (3, 7, 12, 1), prefill_seq_len=16, ctx_len=32, new_tokens=(8, 8, 8, 8))
# Chunks; the shorter rows are all padding in the later ones, and one prompt ends with a full chunk.
_CHUNKED = _Shape("chunked prefill", (29, 5, 16), prefill_seq_len=8, ctx_len=48, new_tokens=(6, 6, 6))
# Each row goes on until the last slot is written (prompt + new tokens - 1 == ctx_len), by decoding or by the prompt.
_FULL_CONTEXT = _Shape("end of context", (10, 6, 24), prefill_seq_len=7, ctx_len=24, new_tokens=(15, 19, 1))
# Five prompts on two cache rows: rows are left and taken again at different times, by shorter and longer prompts.
_CONTINUOUS = _Shape(
    "continuous batching",
    (5, 11, 3, 9, 2),
    prefill_seq_len=4,
    ctx_len=24,
    new_tokens=(4, 9, 6, 3, 5),
    full_batch_size=2,
)
# ORIGINAL_MAX_POSITIONS is 16: one row crosses it inside a chunk (14..20), two while decoding.
_PAST_ORIGINAL = _Shape("past original max", (24, 12, 5), prefill_seq_len=7, ctx_len=48, new_tokens=(16, 16, 16))
# SLIDING_WINDOW is 6: smaller than a chunk, than a prompt and than the context.
_WINDOWED = _Shape("window < context", (20, 4), prefill_seq_len=8, ctx_len=40, new_tokens=(10, 10))
# Rows whose slots are taken a second time, by shorter and longer prompts; one prompt ends where its slots wrap.
_WINDOWED_ROWS = _Shape(
    "window < context, rows reused",
    (14, 4, 2, 12),
    prefill_seq_len=8,
    ctx_len=24,
    new_tokens=(6, 9, 7, 4),
    full_batch_size=2,
)
# Pads within prompts, which a state must not take for tokens. A first call of two tokens is shorter than any kernel of
# the tiny models.
_SPLIT = _Shape("pads within prompts", (19, 2, 9), prefill_seq_len=8, ctx_len=40, new_tokens=(6, 6, 6), split_after=2)
_SPLIT_ROWS = _Shape(
    "pads within prompts, rows reused",
    (9, 3, 6, 12),
    prefill_seq_len=5,
    ctx_len=24,
    new_tokens=(5, 3, 7, 4),
    full_batch_size=2,
    split_after=2,
)

_SHAPES: dict[str, tuple[_Shape, ...]] = {
    "base": (_RAGGED, _CHUNKED, _FULL_CONTEXT, _CONTINUOUS),
    "window": (_WINDOWED, _WINDOWED_ROWS),
    "rope": (_PAST_ORIGINAL,),
    "flag": (_CHUNKED,),
    "states": (_SPLIT, _SPLIT_ROWS),
}


def scenarios(kind: str, vocab_size: int, seed: int) -> tuple[Scenario, ...]:
    """The scenarios for a variant of this `kind`, with prompts drawn from `seed`."""
    return tuple(
        Scenario(
            name=shape.name,
            prompts=tuple(
                random_tokens(length, vocab_size, seed * 1000 + row) for row, length in enumerate(shape.prompt_lengths)
            ),
            prefill_seq_len=shape.prefill_seq_len,
            ctx_len=shape.ctx_len,
            new_tokens=shape.new_tokens,
            full_batch_size=shape.full_batch_size,
            split_after=shape.split_after,
        )
        for shape in _SHAPES[kind]
    )
