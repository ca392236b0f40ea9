"""Prompt-lookup decoding: the text itself drafts how it goes on, and one call checks the whole draft.

Where a text repeats itself, or its prompt, what followed the last tokens before is likely to follow them again. The
model checks a draft of several tokens in one call (`num_logits_to_keep`), and those it would have chosen itself are
kept: the same tokens as one by one, in fewer calls. The idea is A. Saxena's
(github.com/apoorvumang/prompt-lookup-decoding); transformers has it as `prompt_lookup_num_tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from qeff_codegen.decoding.decoding import Row, Run
from qeff_codegen.decoding.prefill import PAD_POSITION, PAD_TOKEN
from qeff_codegen.errors import UsageError

# The longest stretch of last tokens that is looked up; transformers' default for `max_matching_ngram_size`.
MAX_NGRAM = 2


def draft(tokens: Sequence[int], num_tokens: int) -> list[int]:
    """What followed the last occurrence of the last tokens before these: at most `num_tokens`, often none.

    The longest stretch of last tokens that occurred before decides, up to `MAX_NGRAM` of them.
    """
    for size in range(min(MAX_NGRAM, len(tokens) - 1), 0, -1):
        last = tokens[-size:]
        for start in range(len(tokens) - size - 1, -1, -1):
            if tokens[start : start + size] == last:
                return list(tokens[start + size : start + size + num_tokens])
    return []


class PromptLookup:
    """Every call checks a draft for each row, which gets at least one token.

    A rejected token's keys and values stay in their slots. They are never read: attention sees positions up to the
    row's largest, and each of those is written again by the call that reaches it.

    Args:
        num_speculative_tokens: tokens of a draft; a call takes one more, the row's last.
        ctx_len: slots per cache row.

    Attributes:
        calls: how many calls decoding took.

    Raises:
        UsageError: a draft is empty, or does not fit into the context.
    """

    def __init__(self, num_speculative_tokens: int, ctx_len: int) -> None:
        if not 1 <= num_speculative_tokens < ctx_len:
            raise UsageError(
                f"num_speculative_tokens is {num_speculative_tokens}: a draft has at least one token, and fits into "
                f"ctx_len, {ctx_len}, with the token before it."
            )
        self._seq_len = num_speculative_tokens + 1
        self._ctx_len = ctx_len
        self.calls = 0

    def prefill_run(self, run: Run, prompts: Sequence[int]) -> Run:
        """`run`, asked for one token's logits."""
        return partial(run, num_logits_to_keep=np.zeros((1, 1), dtype=np.int64))

    def next_logits(self, run: Run, rows: Mapping[int, Row], num_rows: int) -> dict[int, list[np.ndarray]]:
        """See `Decoding`: as many tokens as a row's draft had right, and one more."""
        self.calls += 1
        input_ids = np.full((num_rows, self._seq_len), PAD_TOKEN, dtype=np.int64)
        position_ids = np.full((num_rows, self._seq_len), PAD_POSITION, dtype=np.int64)
        known: dict[int, int] = {}
        drafts: dict[int, list[int]] = {}
        for index, row in rows.items():
            known[index] = self._tokens_given(row)
            drafts[index] = self._draft(row, known[index])
            call = [*row.tokens[-known[index] :], *drafts[index]]
            first = len(row.tokens) - known[index]
            input_ids[index, : len(call)] = call
            position_ids[index, : len(call)] = np.arange(first, first + len(call))
        logits = run(input_ids, position_ids, num_logits_to_keep=np.zeros((self._seq_len, 1), dtype=np.int64))
        return {index: _confirmed(logits[index, known[index] - 1 :], drafts[index]) for index in rows}

    def choose(self, logits: np.ndarray) -> int:
        """The likeliest one, as the draft was checked."""
        return int(logits.argmax())

    def _tokens_given(self, row: Row) -> int:
        """How many of a row's known tokens a call repeats: the last one, or enough to fill the call.

        A pad's position -1 wraps to the last slot, so a call that writes the last slot must hold no pads.
        """
        return self._seq_len if len(row.tokens) == self._ctx_len else 1

    def _draft(self, row: Row, known: int) -> list[int]:
        """A draft whose tokens are all wanted, and none of which takes the last slot: a full call alone writes it."""
        room = min(self._seq_len - known, row.left - 1, self._ctx_len - 1 - len(row.tokens))
        return draft(row.tokens, room) if room > 0 else []


def _confirmed(logits: np.ndarray, drafted: Sequence[int]) -> list[np.ndarray]:
    """The logits `[vocab]` of the tokens that follow: of those the draft had right, and of the first it had not."""
    confirmed = [logits[0]]
    for token, following in zip(drafted, logits[1:], strict=False):
        if int(confirmed[-1].argmax()) != token:
            break
        confirmed.append(following)
    return confirmed
