"""Layout that edits can follow: rules change functions by whole lines, and count lines as Python's parser does."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.codemod.tree import walk

EXPECTED = "a statement a line, indented by blanks, and no line break but the usual one"
NEXT = "lay the function out as the rest of transformers is"
_BLOCKS = ("body", "orelse", "finalbody")


def refuse_other_layout(file: ModelingFile, function: ast.FunctionDef) -> None:
    """Refuse a function that edits by whole lines would change elsewhere too.

    Raises:
        Refusal: statements share a line, lines are indented by tabs, or a text holds what may end a line.
    """
    if len(file.lines) != file.upstream.source.removesuffix("\n").count("\n") + 1:
        line = next(number for number, text in enumerate(file.upstream.source.split("\n"), 1) if _ends_lines(text))
        raise refusal(file, "a character in the file ends a line for some readers only", line, EXPECTED, NEXT)
    for statement in (item for block in _blocks_below(function) for item in block):
        before = file.lines[statement.lineno - 1].encode()[: statement.col_offset].decode()
        if before.strip(" "):
            what = f"`{function.name}` has statements that share a line, or are indented by tabs"
            raise refusal(file, what, statement.lineno, EXPECTED, NEXT)


def _ends_lines(text: str) -> bool:
    return text.splitlines() not in ([], [text])


def _blocks_below(function: ast.FunctionDef) -> list[list[ast.stmt]]:
    blocks = [getattr(node, field, None) for node in walk(function) for field in _BLOCKS]
    return [block for block in blocks if isinstance(block, list) and block and isinstance(block[0], ast.stmt)]
