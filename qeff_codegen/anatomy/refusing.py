"""The refusal of recognition: what is there instead of what a rule could work on, and where."""

from __future__ import annotations

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.errors import Refusal

SEE_MORE = "run `python -m qeff_codegen inspect` to see what was recognised; a new shape needs a recogniser"


def refusal(file: ModelingFile, what: str, line: int, expected: str, next_step: str = SEE_MORE) -> Refusal:
    """A refusal by the anatomy, placed at a 1-based line of the file."""
    return Refusal(what, rule="anatomy", location=file.location(line), expected=expected, next_step=next_step)
