"""Recognise rotary embeddings: modules that turn position_ids into cos and sin, or keep tables of both."""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.kept_tables import kept_tables
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.scaled_rotation import rotation_scaled
from qeff_codegen.codemod.tree import speaks_of


def find_rotary_embeddings(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes whose forward turns positions into a rotation, or gives rows of tables of it."""
    return tuple(
        Part(Role.ROTARY_EMBEDDING, cls, because)
        for name in reachable
        if (because := _why_rotary(file, cls := file.classes[name]))
    )


def _why_rotary(file: ModelingFile, cls: ModelingClass) -> tuple[str, ...]:
    if cls.forward is not None and "position_ids" in parameters(cls.forward) and speaks_of("inv_freq", cls.forward):
        return ("its forward turns `position_ids` and its inverse frequencies into the rotation",)
    if (base := rotation_scaled(file, cls)) is not None and speaks_of("inv_freq", base.node):
        return (f"its forward has `{base.name}` compute the rotation of scaled positions or frequencies",)
    if kept_tables(file, cls) is not None:
        return ("its forward gives the first rows of two tables, one for cosines and one for sines",)
    return ()
