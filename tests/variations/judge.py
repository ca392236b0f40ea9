"""Whether what came of a variation is what must come of it."""

from __future__ import annotations

import ast

from tests.variations.bench import Outcome
from tests.variations.variation import Expected, Variation

# A refusal may name the statement that the changed line is a part of, or the one that reads what was made there.
NEAR = 2


def complaint(variation: Variation, outcome: Outcome, original: str) -> str:
    """What is wrong with an outcome; nothing where it is right."""
    refusal = outcome.refusal
    if refusal is None:
        if variation.expected is Expected.REFUSED:
            return f"generated; then: {outcome.difference or 'equal'}"
        return outcome.difference
    if variation.expected is Expected.EQUAL or variation.says not in str(refusal):
        return str(refusal)
    if refusal.rule == "anatomy":
        # A part that is not recognised is named where it is missed.
        return ""
    lines = variation.changed_lines(original)
    if refusal.location is None or not lines & _named_by(refusal.location.line, variation.of(original)):
        return f"far from {sorted(lines)}: {refusal}"
    return ""


def _named_by(line: int, source: str) -> set[int]:
    """The lines that a place may stand for: those around it, and all of what begins there.

    What should be somewhere and is not is named by the function that it is missed in.
    """
    found = set(range(line - NEAR, line + NEAR + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.stmt, ast.expr)) and node.lineno == line:
            found |= set(range(line, (node.end_lineno or line) + 1))
    return found
