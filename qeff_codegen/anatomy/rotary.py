"""Recognise rotary embeddings: modules that turn position_ids into cos and sin."""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import speaks_of


def find_rotary_embeddings(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that keep inverse frequencies and whose forward takes positions."""
    return tuple(
        Part(Role.ROTARY_EMBEDDING, cls, because)
        for name in reachable
        if (because := _why_rotary(cls := file.classes[name]))
    )


def _why_rotary(cls: ModelingClass) -> tuple[str, ...]:
    if cls.forward is None or "position_ids" not in parameters(cls.forward):
        return ()
    if not speaks_of("inv_freq", cls.forward):
        return ()
    return ("its forward turns `position_ids` and its inverse frequencies into the rotation",)
