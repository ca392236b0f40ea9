"""black, at the line length of the place that generated files go to."""

from __future__ import annotations

import black

from qeff_codegen.targets.embedded import EMBEDDED


def formatted(code: str, line_length: int = EMBEDDED.line_length) -> str:
    """`code` as black lays it out."""
    return black.format_str(code, mode=black.Mode(line_length=line_length))
