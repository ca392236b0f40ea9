"""Recognise experts: modules whose forward loops over the experts that some token was routed to."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.roles import Role


def find_experts(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that loop over the rows of a `nonzero()`."""
    return tuple(
        Part(Role.EXPERTS, cls, because) for name in reachable if (because := _why_experts(cls := file.classes[name]))
    )


def _why_experts(cls: ModelingClass) -> tuple[str, ...]:
    if cls.forward is None:
        return ()
    hits = {
        target.id
        for node in ast.walk(cls.forward)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(".nonzero()")
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(cls.forward):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Name) and node.iter.id in hits:
            return (f"its forward loops over `{node.iter.id}`, the experts that a token was routed to",)
    return ()
