"""Tokens to run a graph with where nobody has given a prompt."""

from __future__ import annotations

from typing import Any

from qeff_codegen.decoding.text import prompt_tokens

# More tokens than two prefill chunks of a watched run, with any tokenizer.
_TEXT = (
    "The lighthouse at the end of the harbour was built in 1874, when ships still came in under sail. Its keeper "
    "wrote down the weather three times a day: wind from the north-west, 12 knots; visibility poor; rain after four "
    "o'clock. Why do you think the book ends in the middle of a sentence? Nobody in the town could say, and those who "
    "had known him would not."
)
_NUM_TOKENS = 64


def sample_prompt(tokenizer: Any, vocab_size: int) -> tuple[int, ...]:
    """An English text as token ids; ids from all over the vocabulary where the model cannot be given that.

    That is without a tokenizer, and with one that makes nothing of English or has more tokens than the model.
    """
    tokens = () if tokenizer is None else tuple(prompt_tokens(tokenizer, _TEXT))
    if tokens and max(tokens) < vocab_size:
        return tokens
    return tuple(index * vocab_size // _NUM_TOKENS for index in range(_NUM_TOKENS))
