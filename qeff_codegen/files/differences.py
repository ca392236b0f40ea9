"""How two texts of one file differ, as a diff that shows line endings too."""

from __future__ import annotations

import difflib

# What the two sides of a diff of a generated file are: applying it does what regenerating would do.
LABELS = ("on disk", "regenerated")


def differences(before: str, after: str, labels: tuple[str, str], context: int) -> list[str]:
    """The lines of a unified diff, without their newlines; none when the texts are equal.

    Args:
        labels: what the two texts are called in the diff's first two lines.
        context: unchanged lines shown around a change.
    """
    lines = difflib.unified_diff(_lines(before), _lines(after), *labels, n=context)
    return [_visible(line) for line in lines]


def _lines(text: str) -> list[str]:
    """Lines end at a newline and nowhere else: a lone carriage return or form feed is part of its line."""
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]


def _visible(line: str) -> str:
    """A diff line without its newline; an ending other than a plain newline is itself the difference, so it shows."""
    return line[:-1].replace("\r", "\\r") if line.endswith("\n") else f"{line} (no newline at the end)"
