"""What a gap is: a shape of model that is understood well enough to say which idea is missing for it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.tree import spelled

LONGEST = 80


@dataclass(frozen=True)
class Gap:
    """What is there, on which 1-based line, what would be understood, and what to do."""

    what: str
    line: int
    expected: str
    next_step: str


# Looks for a gap, given the file, the causal LM and every class that it may build.
Finder = Callable[[ModelingFile, ModelingClass, tuple[ModelingClass, ...]], Gap | None]


def short(node: ast.AST) -> str:
    """The source text of a node, cut after its beginning where it is long."""
    text = spelled(node)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
