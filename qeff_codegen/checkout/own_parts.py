"""Parts that hand-written classes get from upstream's initializer, and that a transform would make generated ones.

A hand-written layer that stays in use calls its attention as its own file defines it. Upstream's initializer builds
upstream's attention, though, and `KVCacheTransform` turns that into what the family has now: the generated class,
which is called in another way. So a class that stays names the class of each such part itself.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

import libcst as cst

from qeff_codegen.anatomy.modeling_file import ModelingFile


def own_parts(tree: ast.Module, upstream: ModelingFile, by_hand: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """For every class of a hand-written module: which attribute is built by upstream and was which class of its own.

    Args:
        tree: the hand-written module.
        upstream: the file whose classes it inherits from.
        by_hand: the module's class for each upstream class that it replaced.
    """
    parts = {}
    for node in tree.body:
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        for base in bases:
            cls = upstream.classes.get(base.id) if isinstance(base, ast.Name) else None
            found = {
                name: by_hand[value.func.id]
                for name, values in (cls.assigned.items() if cls is not None else ())
                for value in values
                if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in by_hand
            }
            if found:
                assert isinstance(node, ast.ClassDef)
                parts[node.name] = found
    return parts


def with_own_parts(node: cst.ClassDef, parts: Mapping[str, str]) -> cst.ClassDef:
    """A class without an initializer, given one that makes its parts classes of its own module."""
    lines = [
        "def __init__(self, *args, **kwargs):",
        "    super().__init__(*args, **kwargs)",
        "    # Transforms know upstream's classes only: these parts stay what they are.",
        *(f"    self.{name}.__class__ = {cls}" for name, cls in parts.items()),
    ]
    initializer = cst.parse_module("\n".join([*lines, ""])).body[0]
    assert isinstance(node.body, cst.IndentedBlock)
    at = 1 if node.get_docstring() is not None else 0
    first, rest = node.body.body[:at], node.body.body[at:]
    spaced = [initializer.with_changes(leading_lines=[cst.EmptyLine(indent=False)] if first else [])]
    if rest and isinstance(rest[0], cst.FunctionDef) and not rest[0].leading_lines:
        rest = (rest[0].with_changes(leading_lines=[cst.EmptyLine(indent=False)]), *rest[1:])
    return node.with_changes(body=node.body.with_changes(body=(*first, *spaced, *rest)))
