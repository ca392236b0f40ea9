"""Layout: black's, at the line length of the place that generated files go to.

black leaves alone what it has laid out itself: it promises so, and tests it. What emission writes is its output to the
last byte, so no check formats the module once more to compare; that would cost several times as much as all of them.
`make test` runs black over every file that is checked in, and a test does so for the layout of a checkout.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

import black

from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.target import Target

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# How a definition begins.
_FIRST_WORDS = ("def ", "class ", "@", "async def ")
# A first line that black leaves as it is, and one in its place that says nothing of which class it is.
_PLAIN_HEADER = re.compile(r"class \w+\([\w.]+\):")
_ANY_CLASS = "class _:\n"
# What black reads off a whole module, which one definition need not show: the grammar that it may use.
_GRAMMAR = {black.TargetVersion.PY311}


def formatted(code: str, target: Target = EMBEDDED) -> str:
    """`code` as the formatter of `target` lays it out.

    black goes over a text twice unless it finds it laid out already, and most definitions are upstream's lines: given
    one at a time, only those with a line that changed take two passes. Many models have the same attention function,
    or the same class but for its name, word for word, which is laid out once.
    """
    laid_out = "\n\n".join(_piece(text, target.line_length) for text in _apart(code))
    return _without_blank_first_lines(laid_out) if target.formatter == "ruff" else laid_out


def _piece(text: str, line_length: int) -> str:
    header, end, body = text.partition("\n")
    if len(header) <= line_length and body and _PLAIN_HEADER.fullmatch(header):
        of_any_class = _laid_out(f"{_ANY_CLASS}{body}", line_length)
        # A body that is `...` alone goes into the line of its class.
        if of_any_class.startswith(_ANY_CLASS):
            return header + end + of_any_class.removeprefix(_ANY_CLASS)
    return _laid_out(text, line_length)


@lru_cache(maxsize=256)
def _laid_out(piece: str, line_length: int) -> str:
    return black.format_str(piece, mode=black.Mode(line_length=line_length, target_versions=_GRAMMAR))


def formatted_imports(section: str, target: Target) -> str:
    """Import statements of a line each, the long ones as the formatter lays them out; it leaves the others alone."""
    lines = section.splitlines()
    too_long = [line for line in lines if len(line) > target.line_length]
    if any(not line.startswith("from ") for line in too_long):
        return formatted(section, target)
    return "\n".join(_one_a_line(line) if line in too_long else line for line in lines)


def _one_a_line(statement: str) -> str:
    """`from a import b, c` with a line for each name, as the formatters lay one out that is too long."""
    module, names = statement.split(" import ")
    return "\n".join([f"{module} import (", *(f"    {name}," for name in names.split(", ")), ")"])


def formatted_below(top: str, body: str, target: Target) -> str:
    """A module whose `top`, comments and imports, is laid out already, as the formatter lays it out."""
    if not body.lstrip("\n").startswith(_FIRST_WORDS):
        return formatted(f"{top}\n{body}", target)
    return f"{top.rstrip()}\n\n\n{formatted(body, target)}"


def _apart(code: str) -> Iterator[str]:
    """`code` in pieces between which black leaves two blank lines: definitions, and what stands between them.

    Comments go with what they stand above, or with the last piece; blank lines above a piece are left out.
    """
    lines = code.splitlines(keepends=True)
    start = end = 0
    before: ast.stmt | None = None
    for node in ast.parse(code).body:
        if before is not None and isinstance(node, _DEFINITIONS) | isinstance(before, _DEFINITIONS):
            yield "".join(lines[start:end]).lstrip("\n")
            start = end
        before, end = node, node.end_lineno or node.lineno
    yield "".join(lines[start:]).lstrip("\n")


def _without_blank_first_lines(code: str) -> str:
    """`code` without blank lines between the header of a block and the statement or comment that comes first.

    It is the one thing in which ruff's formatter and black differ on generated code: black keeps such a line.
    """
    lines = code.splitlines(keepends=True)
    blank: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(node, ast.Module) or not isinstance(block, list) or not block:
                continue
            # Definitions keep their distance, but for the first of a class.
            if isinstance(block[0], ast.FunctionDef | ast.ClassDef) and not isinstance(node, ast.ClassDef):
                continue
            header = block[0].lineno - 1
            while not lines[header - 1].strip() or lines[header - 1].lstrip().startswith("#"):
                header -= 1
            following = header + 1
            while not lines[following - 1].strip():
                blank.add(following)
                following += 1
    return "".join(line for number, line in enumerate(lines, start=1) if number not in blank)
