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


class Renamed(cst.CSTTransformer):
    """Gives a local name another spelling: what it holds is no longer what it was called after."""

    def __init__(self, old: str, new: str) -> None:
        self.old = old
        self.new = new

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        return updated_node.with_changes(value=self.new) if updated_node.value == self.old else updated_node
