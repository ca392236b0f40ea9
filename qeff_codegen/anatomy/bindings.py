"""What the locals of a function stand for."""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.codemod.bindings import bindings
from qeff_codegen.codemod.tree import spelled


def names_standing_for(functions: Collection[str], forward: ast.FunctionDef) -> set[str]:
    """Local names that stand for one of `functions` wherever they are bound."""
    standing: dict[str, bool] = {}
    for binding in bindings(forward):
        is_one = binding.value is not None and spelled(binding.value) in functions
        standing[binding.name] = is_one and standing.get(binding.name, True)
    return {name for name, always in standing.items() if always}
