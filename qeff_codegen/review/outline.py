"""Which class or function a line of a file is part of."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.targets.target import PREFIX


@dataclass(frozen=True)
class Definition:
    """A class or function at the top level of a file.

    Attributes:
        name: upstream's name for it: that of a generated class is without its prefix.
        lines: 1-based, decorators included.
    """

    name: str
    lines: range


def definitions(source: str) -> tuple[Definition, ...]:
    """The classes and functions of a file, from top to bottom."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            name = node.name.removeprefix(PREFIX)
            found.append(Definition(name, range(first, (node.end_lineno or node.lineno) + 1)))
    return tuple(found)
