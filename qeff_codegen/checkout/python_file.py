"""A Python file of a checkout as a syntax tree; one that Python cannot read is a refusal that names the line."""

from __future__ import annotations

import ast
from pathlib import PurePath

from qeff_codegen.errors import Location, Refusal

RULE = "checkout"
# Python skips it at the start of a file, but not at that of a text.
BYTE_ORDER_MARK = "\ufeff"


def tree_of(text: str, path: PurePath | str) -> ast.Module:
    """The syntax tree of a file.

    Args:
        text: its content.
        path: relative to the checkout, for messages.

    Raises:
        Refusal: Python cannot read it.
    """
    try:
        return ast.parse(text.removeprefix(BYTE_ORDER_MARK))
    except SyntaxError as error:
        name = path.as_posix() if isinstance(path, PurePath) else path
        raise no_python(text, name, error.msg, error.lineno or 1) from error


def no_python(text: str, path: str, what: str, line: int) -> Refusal:
    """The refusal of a file that cannot be read; `line` is 1-based."""
    lines = text.splitlines()
    return Refusal(
        f"{path} is not valid Python: {what}",
        rule=RULE,
        location=Location(path, line, lines[line - 1] if line <= len(lines) else ""),
        expected="a file that Python can read",
        next_step="mend it, or restore it with git checkout",
    )
