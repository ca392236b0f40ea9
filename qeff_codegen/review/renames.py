"""Hunks in which nothing but names of variables differs: a reviewer has read them when the names are read."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Sequence

from qeff_codegen.review.changes import Hunk

# What may follow each other without meaning anything in a part of a file.
_LAYOUT = frozenset(
    {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT}
)

Renames = tuple[tuple[str, str], ...]


def renames(hunk: Hunk, upstream: Sequence[str], generated: Sequence[str]) -> Renames:
    """The names that a hunk puts for others, `(upstream's, generated)`; empty where anything else differs.

    Only what may be a variable, a parameter or a keyword counts, each for one other, and none that stood there before:
    an attribute or a function by another name computes something else.
    """
    old = _words([upstream[number - 1] for number in hunk.upstream])
    new = _words([generated[number - 1] for number in hunk.generated])
    if not old or len(old) != len(new):
        return ()
    found: dict[str, str] = {}
    for index, (one, other) in enumerate(zip(old, new, strict=True)):
        if one == other:
            continue
        if not (one.isidentifier() and other.isidentifier() and _may_be_variable(old, index)):
            return ()
        if found.setdefault(one, other) != other:
            return ()
    one_to_one = len(set(found.values())) == len(found)
    is_new = not set(found.values()) & set(old) and not set(found) & set(new)
    return tuple(found.items()) if one_to_one and is_new else ()


def _may_be_variable(words: Sequence[str], index: int) -> bool:
    after = words[index + 1] if index + 1 < len(words) else ""
    return words[index - 1 : index] != ["."] and after != "("


def _words(lines: Sequence[str]) -> list[str]:
    """The tokens of a part of a file; of one that is no whole statement, those up to where it breaks off."""
    found: list[str] = []
    # Between brackets a line may begin and end anywhere.
    text = "(\n" + "\n".join(lines) + "\n)"
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in _LAYOUT:
                found.append(token.string)
    except (tokenize.TokenError, IndentationError):
        return []
    return found
