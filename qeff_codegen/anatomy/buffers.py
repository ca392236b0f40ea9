"""What a module registers as buffers: `self.register_buffer("<name>", <value>)` or `self.<name> = nn.Buffer(<value>)`.

Older releases call the method, newer ones assign.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.codemod.tree import spelled, walk

MAKERS = ("nn.Buffer", "torch.nn.Buffer")


@dataclass(frozen=True)
class Buffer:
    """A buffer's name, its first value, and whether checkpoints hold it."""

    name: str
    value: ast.expr
    persistent: bool


def buffers_of(tree: ast.AST) -> Iterator[Buffer]:
    """Every buffer that a method, or all of a class, registers; one that is registered twice comes twice."""
    for node in walk(tree):
        if isinstance(node, ast.Call) and self_attribute(node.func) == "register_buffer":
            named = node.args[0] if len(node.args) > 1 else None
            if isinstance(named, ast.Constant) and isinstance(named.value, str):
                yield Buffer(named.value, node.args[1], _is_persistent(node, node.args[2:]))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args:
            if spelled(node.value.func) in MAKERS:
                for name in (self_attribute(target) for target in node.targets):
                    if name is not None:
                        yield Buffer(name, node.value.args[0], _is_persistent(node.value, node.value.args[1:]))


def _is_persistent(call: ast.Call, further: list[ast.expr]) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "persistent"] + further
    return not given or spelled(given[0]) != "False"
