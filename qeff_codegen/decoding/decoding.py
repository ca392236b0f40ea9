"""How prompts go on after their prefill: the rows that hold them, and the calls that give each its next tokens."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qeff_codegen.decoding.prefill import PAD_POSITION, PAD_TOKEN

# One call of a decoder: input_ids and position_ids, int64 [batch_size, seq_len], and optional inputs by name, to
# logits [batch_size, num_logits, vocab].
Run = Callable[..., np.ndarray]


@dataclass(frozen=True)
class NewToken:
    """One generated token.

    Attributes:
        prompt: index of the prompt it continues.
        token: its id.
        logits: float32 `[vocab]`, what it was chosen from; of a graph that samples int64 `[1]`, the token itself.
    """

    prompt: int
    token: int
    logits: np.ndarray


@dataclass
class Row:
    """A prompt and what it was continued with so far.

    Attributes:
        prompt: index of the prompt.
        tokens: its tokens and the generated ones.
        left: how many tokens it may still get; 0 when it has ended.
    """

    prompt: int
    tokens: list[int]
    left: int

    def take(
        self, logits: Sequence[np.ndarray], choose: Callable[[np.ndarray], int], stop_tokens: Container[int]
    ) -> Iterator[NewToken]:
        """Goes on with the token that is chosen from each of `logits` `[vocab]`, until it has ended."""
        for item in logits[: self.left]:
            new = NewToken(self.prompt, choose(item), item)
            self.tokens.append(new.token)
            self.left = 0 if new.token in stop_tokens else self.left - 1
            yield new
            if not self.left:
                return


class Decoding(Protocol):
    """A way to decode: what its calls look like, and what they give."""

    def prefill_run(self, run: Run, prompts: Sequence[int]) -> Run:
        """What to call for prefill of these prompts, of which the logits of each row's last token are wanted."""

    def next_logits(self, run: Run, rows: Mapping[int, Row], num_rows: int) -> dict[int, list[np.ndarray]]:
        """The logits `[vocab]` of one or more next tokens for every row, in one call of `num_rows` rows."""

    def choose(self, logits: np.ndarray) -> int:
        """The token that follows, from its logits `[vocab]`."""


class OneTokenEach:
    """Every call gives every row one token."""

    def prefill_run(self, run: Run, prompts: Sequence[int]) -> Run:
        """`run` itself."""
        return run

    def next_logits(self, run: Run, rows: Mapping[int, Row], num_rows: int) -> dict[int, list[np.ndarray]]:
        """See `Decoding`."""
        input_ids = np.full((num_rows, 1), PAD_TOKEN, dtype=np.int64)
        position_ids = np.full((num_rows, 1), PAD_POSITION, dtype=np.int64)
        for index, row in rows.items():
            input_ids[index] = row.tokens[-1]
            position_ids[index] = len(row.tokens) - 1
        logits = run(input_ids, position_ids)
        return {index: [logits[index, 0]] for index in rows}

    def choose(self, logits: np.ndarray) -> int:
        """The likeliest one."""
        return int(logits.argmax())
