"""What a module that loops over the decoder layers gives the model back."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find


def stacks_return_states(anatomy: Anatomy) -> bool:
    """Whether layer stacks return the hidden states alone, no output object and nothing of the cache."""
    stacks = anatomy.parts(Role.LAYER_STACK)
    returned = [node.value for stack in stacks for node in find(ast.Return, stack.forward)]
    caches = {stack.cache_parameter for stack in stacks}
    return bool(returned) and not any(
        isinstance(value, ast.Tuple)
        or (isinstance(value, ast.Call) and value.keywords)
        or any(name.id in caches for name in find(ast.Name, value))
        for value in returned
    )
