"""Recognise experts: modules whose forward loops over the experts that some token was routed to."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.listed_experts import listed_experts
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled


def find_experts(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that loop over the rows of a `nonzero()`, and those that compute one expert for them."""
    experts = tuple(
        Part(Role.EXPERTS, cls, because) for name in reachable if (because := _why_experts(cls := file.classes[name]))
    )
    single = {
        name: f"`{part.name}` calls it as `self.{attribute}` for each expert"
        for part in experts
        for call in find(ast.Call, part.forward)
        if (attribute := self_attribute(call.func)) is not None
        for name in part.cls.built.get(attribute, ())
    }
    return (*experts, *(Part(Role.EXPERT, file.classes[name], (because,)) for name, because in single.items()))


def _why_experts(cls: ModelingClass) -> tuple[str, ...]:
    if cls.forward is None or listed_experts(cls) is not None:
        return ()
    hits = {
        target.id
        for node in find(ast.Assign, cls.forward)
        if _are_hits(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for loop in find(ast.For, cls.forward):
        if (name := spelled(loop.iter).removesuffix("[:]")) in hits:
            return (f"its forward loops over `{name}`, the experts that a token was routed to",)
    return ()


def _are_hits(value: ast.expr) -> bool:
    """`<...>.nonzero()` or `<...>.nonzero(as_tuple=False)`: a row, or its number, for each place that is not zero."""
    if (
        spelled(value).endswith(".squeeze(-1)")
        and isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
    ):
        value = value.func.value
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute) or value.func.attr != "nonzero":
        return False
    return not value.args and [spelled(item) for item in value.keywords] in ([], ["as_tuple=False"])
