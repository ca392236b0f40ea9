"""How many axes a class's parameters have, as far as `__init__` writes out their sizes."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass

PARAMETER = ("nn.Parameter", "torch.nn.Parameter")
MAKERS = ("torch.empty", "torch.zeros")


def parameter_axes(cls: ModelingClass, attribute: str) -> int:
    """The number of axes of `nn.Parameter(torch.empty(a, b, ...))`; 0 where that is not known."""
    found = {_axes(value) for value in cls.assigned.get(attribute, ())}
    return found.pop() if len(found) == 1 else 0


def _axes(value: ast.expr) -> int:
    made = (
        value.args[0] if isinstance(value, ast.Call) and ast.unparse(value.func) in PARAMETER and value.args else None
    )
    if not isinstance(made, ast.Call) or ast.unparse(made.func) not in MAKERS or not made.args:
        return 0
    return len(made.args[0].elts if isinstance(made.args[0], ast.Tuple) else made.args)
