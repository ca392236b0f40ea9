"""black, at the line length of the project that generated files go to."""

from __future__ import annotations

import black

LINE_LENGTH = 119
_MODE = black.Mode(line_length=LINE_LENGTH)


def formatted(code: str) -> str:
    """`code` as black lays it out."""
    return black.format_str(code, mode=_MODE)
