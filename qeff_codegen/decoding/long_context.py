"""LongRoPE: rows of a cache whose keys are all rotated by the factors that their text's length asks for.

LongRoPE has short factors for a text up to `original_max_position_embeddings` and long ones for a longer text, and
looks at the largest position of a call. A prompt that comes in chunks would have keys of both kinds. So every chunk of
a longer prompt holds the prompt's last token too, at its own position: the call takes the long factors, and what it
writes in that token's slot is read by nobody before the last chunk writes it again.

`generate()` of some models drops the cache where a text crosses that length while decoding, and computes it again with
the long factors; others go on with the keys they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from qeff_codegen.decoding.decoding import Decoding, Row, Run
from qeff_codegen.decoding.prefill import prefill
from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class LongContext:
    """Where a model with LongRoPE changes its factors.

    Attributes:
        long_from: the first position of the long factors, `original_max_position_embeddings`.
        begins_again: whether `generate()` computes a text again when it comes to that position.
    """

    long_from: int
    begins_again: bool

    def check(self, texts: Sequence[tuple[int, int]], prefill_seq_len: int, *, samples: bool) -> None:
        """Makes sure that texts can be computed as `generate()` computes them.

        Args:
            texts: of each, how many tokens its prompt has, and how many the graph may be given in all.
            prefill_seq_len: tokens per prefill chunk.
            samples: whether the graph draws tokens, and counts those that it is given.

        Raises:
            UsageError: a text needs a token twice, and chunks have no room for it or the graph would count it.
        """
        for prompt, given in texts:
            in_chunks = prompt > max(self.long_from, prefill_seq_len)
            begins_again = self.begins_again and prompt <= self.long_from < given
            if not in_chunks and not begins_again:
                continue
            length = prompt if in_chunks else given
            what = f"a text of {length} tokens crosses LongRoPE's original context, {self.long_from}"
            if prefill_seq_len == 1:
                raise UsageError(
                    f"{what}: a chunk of its prefill holds the last token beside its own. Pass a prefill_seq_len of 2 "
                    "or more, or a shorter text."
                )
            if samples:
                raise UsageError(
                    f"{what}: the graph is given tokens again there, and its sampler would count them twice. Pass a "
                    "shorter text, or leave include_sampler out of qaic_config."
                )


def with_long_context(
    decoding: Decoding, known: LongContext | None, *, prefill_seq_len: int, ctx_len: int, continuous: bool
) -> tuple[Decoding, int | None]:
    """How to decode with a model of which this is known, and where prefill takes LongRoPE's long factors.

    The arguments are those of `LongContextDecoding`; without LongRoPE it is `decoding` itself, and None.
    """
    if known is None:
        return decoding, None
    sizes = {"prefill_seq_len": prefill_seq_len, "ctx_len": ctx_len}
    return LongContextDecoding(decoding, known, **sizes, continuous=continuous), known.long_from


class LongContextDecoding:
    """Decodes as another way does, but that no call crosses the original context, and rows begin again there.

    Args:
        decoding: the other way.
        long_context: where factors change.
        prefill_seq_len: tokens per prefill chunk.
        ctx_len: slots per cache row.
        continuous: whether a row is prefilled alone, by `batch_index`.
    """

    def __init__(
        self, decoding: Decoding, long_context: LongContext, *, prefill_seq_len: int, ctx_len: int, continuous: bool
    ) -> None:
        self._decoding = decoding
        self._long_context = long_context
        self._prefill = partial(
            prefill, prefill_seq_len=prefill_seq_len, ctx_len=ctx_len, long_from=long_context.long_from
        )
        self._continuous = continuous

    def prefill_run(self, run: Run, prompts: Sequence[int]) -> Run:
        """As the other way's."""
        return self._decoding.prefill_run(run, prompts)

    def choose(self, logits: np.ndarray) -> int:
        """As the other way's."""
        return self._decoding.choose(logits)

    def next_logits(self, run: Run, rows: Mapping[int, Row], num_rows: int) -> dict[int, list[np.ndarray]]:
        """See `Decoding`; for rows that begin again from their own prefill."""
        long_from = self._long_context.long_from
        crossing = {index: row for index, row in rows.items() if len(row.tokens) == long_from + 1}
        again = crossing if self._long_context.begins_again else {}
        found = self._computed_again(run, again, num_rows) if again else {}
        others = {index: self._kept_apart(row) for index, row in rows.items() if index not in again}
        return found | (self._decoding.next_logits(run, others, num_rows) if others else {})

    def _kept_apart(self, row: Row) -> Row:
        """A row of which no more is wanted in one call than the short factors are for."""
        room = self._long_context.long_from - len(row.tokens) + 1
        return row if room < 1 else replace(row, left=min(row.left, room))

    def _computed_again(self, run: Run, rows: Mapping[int, Row], num_rows: int) -> dict[int, list[np.ndarray]]:
        if not self._continuous:
            texts = [rows[index].tokens if index in rows else [] for index in range(num_rows)]
            logits = self._prefill(self.prefill_run(run, range(num_rows)), texts)
            return {index: [logits[index]] for index in rows}
        found = {}
        for index, row in rows.items():
            one_row = partial(run, batch_index=np.array([[index]], dtype=np.int64))
            (logits,) = self._prefill(self.prefill_run(one_row, [row.prompt]), [row.tokens])
            found[index] = [logits]
        return found
