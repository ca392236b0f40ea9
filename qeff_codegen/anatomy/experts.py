"""Recognise experts: modules whose forward loops over the experts that some token was routed to."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.listed_experts import listed_experts
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.roles import Role

HITS = (".nonzero()", ".nonzero(as_tuple=False)")


def find_experts(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that loop over the rows of a `nonzero()`, and those that compute one expert for them."""
    experts = tuple(
        Part(Role.EXPERTS, cls, because) for name in reachable if (because := _why_experts(cls := file.classes[name]))
    )
    single = {
        name: f"`{part.name}` calls it as `self.{attribute}` for each expert"
        for part in experts
        for node in ast.walk(part.forward)
        if isinstance(node, ast.Call) and (attribute := self_attribute(node.func)) is not None
        for name in part.cls.built.get(attribute, ())
    }
    return (*experts, *(Part(Role.EXPERT, file.classes[name], (because,)) for name, because in single.items()))


def _why_experts(cls: ModelingClass) -> tuple[str, ...]:
    if cls.forward is None or listed_experts(cls) is not None:
        return ()
    hits = {
        target.id
        for node in ast.walk(cls.forward)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(HITS)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(cls.forward):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Name) and node.iter.id in hits:
            return (f"its forward loops over `{node.iter.id}`, the experts that a token was routed to",)
    return ()
