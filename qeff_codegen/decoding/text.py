"""Prompts to tokens and tokens to text, piece by piece."""

from __future__ import annotations

from typing import Any

# What decoding gives for bytes that are not yet a whole character.
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


def prompt_tokens(tokenizer: Any, prompt: str) -> list[int]:
    """The prompt's token ids; as a chat, if the tokenizer has a template for one.

    The template writes the special tokens itself; the tokenizer must not add another.
    """
    if tokenizer.chat_template is None:
        return list(tokenizer(prompt)["input_ids"])
    chat = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def stop_tokens(model: Any) -> frozenset[int]:
    """The tokens that end a text, from the model's generation configuration or else its configuration."""
    for config in (model.generation_config, model.config):
        ends = getattr(config, "eos_token_id", None)
        if ends is not None:
            return frozenset([ends] if isinstance(ends, int) else ends)
    return frozenset()


class TextSoFar:
    """The text of a growing list of tokens.

    Tokens are decoded together, since one may complete the character that the one before has begun.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.tokens: list[int] = []
        self.text = ""

    def add(self, token: int) -> str:
        """Take one more token; what can be shown now and could not before, nothing while a character is unfinished."""
        self.tokens.append(token)
        text = str(self._tokenizer.decode(self.tokens, skip_special_tokens=True))
        if text.endswith(_INCOMPLETE):
            return ""
        piece = text[len(self.text) :]
        self.text = text
        return piece
