"""How a class spells the calls of the modules that it builds."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.codemod.tree import find, spelled


def spellings(builder: ModelingClass, attribute: str) -> tuple[str, ...]:
    """How a class calls what it built as an attribute: by number where that is a list, else by its name."""
    numbered = {
        spelled(call.func)
        for call in find(ast.Call, builder.forward)
        if isinstance(call.func, ast.Subscript)
        and self_attribute(call.func.value) == attribute
        and isinstance(call.func.slice, ast.Constant)
    }
    return tuple(sorted(numbered)) or (f"self.{attribute}",)
