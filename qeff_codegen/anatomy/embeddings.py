"""Find the module in which a model looks up its tokens and positions, where that is a class of its own."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import spelled

TAKEN = {"input_ids", "position_ids"}


def find_embeddings(file: ModelingFile, model: ModelingClass) -> tuple[Part, ...]:
    """The modules called by the model that take tokens and positions and build tables to look them up in."""
    return tuple(
        Part(
            Role.EMBEDDINGS,
            cls,
            (f"`{model.name}` calls it as `{called}`", f"it looks up in `self.{_tables(cls)[0]}`"),
            (called,),
        )
        for called, cls in called_modules(file, model)
        if cls.forward is not None and set(parameters(cls.forward)) >= TAKEN and _tables(cls)
    )


def _tables(cls: ModelingClass) -> list[str]:
    return [
        attribute
        for attribute, values in cls.assigned.items()
        if any(isinstance(value, ast.Call) and spelled(value.func).endswith("nn.Embedding") for value in values)
    ]
