"""Whole statements: as text, to be compared with known ones, and put in the place of others."""

from __future__ import annotations

import ast
import re

import libcst as cst


def text_of(statement: ast.stmt) -> str:
    """A statement as `ast.unparse` writes it; whether it puts a target in parentheses depends on Python's version."""
    text = re.sub(r"^return \(([\w, ]+)\)$", r"return \1", ast.unparse(statement))
    return re.sub(r"^\(([\w, ]+)\) = ", r"\1 = ", text)


def with_body(node: cst.FunctionDef, body: list[cst.BaseStatement]) -> cst.FunctionDef:
    """The function with other statements."""
    return node.with_changes(body=node.body.with_changes(body=body))
