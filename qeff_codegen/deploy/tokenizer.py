"""A checkpoint's tokenizer, where it has one that reads text.

For a folder without tokenizer files transformers raises for some families, and gives others a tokenizer of a few
special tokens: it turns every text into nothing, or into tokens that stand for nothing. Such a one counts as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

# Where the class of the tokenizer does not say which files it reads.
_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "spiece.model", "tekken.json")
# It has no vocabulary.
_SETTINGS = "tokenizer_config.json"


@dataclass(frozen=True)
class LoadedTokenizer:
    """A tokenizer, or why there is none.

    Attributes:
        tokenizer: one that reads text, or None.
        missing: what is missing, where, and what to do, for a message; empty where there is a tokenizer.
    """

    tokenizer: Any
    missing: str = ""


def load_tokenizer(named: Path, folder: Path, arguments: Mapping[str, Any]) -> LoadedTokenizer:
    """The tokenizer in `folder`; a model without one can be exported and compiled all the same.

    Args:
        named: what the user asked for: the folder, or a file that was unpacked into it.
        arguments: further ones of `from_pretrained`.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **arguments)
        if reads_text(tokenizer):
            return LoadedTokenizer(tokenizer)
    except Exception as error:  # tokenizers of many kinds, each with errors of its own
        return LoadedTokenizer(None, _what_is_missing(named, _FILES, f"{type(error).__name__}: {error}"))
    files = dict.fromkeys(("tokenizer.json", *tokenizer.vocab_files_names.values()))
    files.pop(_SETTINGS, None)
    reason = f"{type(tokenizer).__name__} has no token that stands for text"
    return LoadedTokenizer(None, _what_is_missing(named, tuple(files), reason))


def reads_text(tokenizer: Any) -> bool:
    """Whether any text becomes tokens that say something: tried with the tokenizer's own vocabulary.

    A text of ours would not do: a vocabulary may be small, or of another script.
    """
    added = tokenizer.added_tokens_decoder
    for token in tokenizer.get_vocab().values():
        # Special tokens, and those that a configuration adds to them: no word of a prompt becomes one.
        if token in added:
            continue
        text = tokenizer.decode([token]).strip()
        if text and _read_back(tokenizer, text):
            return True
    return False


def _read_back(tokenizer: Any, text: str) -> str:
    """What is left of `text` as tokens, without those that stand for nothing."""
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    return str(tokenizer.decode(tokens, skip_special_tokens=True)).strip()


def _what_is_missing(named: Path, files: tuple[str, ...], reason: str) -> str:
    """The message: files, where none of them is there, and otherwise what transformers says of those that are."""
    first_line = reason.strip().splitlines()[0].rstrip(" .:")
    if not named.is_dir():
        return f"{named} has no tokenizer ({first_line}). Give a file that has one, or the model's folder."
    if any((named / file).is_file() for file in files):
        return (
            f"{named} has tokenizer files that give no tokenizer ({first_line}). Install what that names, or copy "
            "the files again from where the model comes from."
        )
    lacking = f"none of {', '.join(files)} is" if len(files) > 1 else f"{files[0]} is not"
    return (
        f"{named} has no tokenizer, which infer needs: {lacking} there. Copy the tokenizer's files into that folder "
        "from where the model comes from."
    )
