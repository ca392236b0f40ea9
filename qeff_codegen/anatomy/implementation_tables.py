"""Tables of one module's implementations: `{"eager": A, "sdpa": B, ...}`, looked up by the configuration.

The export has one implementation, eager. A model that was loaded with another one holds that one's class, so the
other classes of the table are kept beside it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

EAGER = "eager"
ASKS_FOR_FLASH = "is_flash_attention_requested"


@dataclass(frozen=True)
class ImplementationTable:
    """The class of the eager implementation, and those of all others."""

    eager: str
    others: tuple[str, ...]


def find_implementation_tables(tree: ast.Module, class_names: set[str]) -> dict[str, ImplementationTable]:
    """Module-level names bound to a dictionary from implementations, `eager` among them, to classes of the file."""
    found: dict[str, ImplementationTable] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Dict):
            continue
        entries = {
            key.value: value.id
            for key, value in zip(statement.value.keys, statement.value.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(value, ast.Name) and value.id in class_names
        }
        if EAGER not in entries or len(entries) != len(statement.value.keys):
            continue
        others = tuple(dict.fromkeys(name for name in entries.values() if name != entries[EAGER]))
        for target in statement.targets:
            if isinstance(target, ast.Name):
                found[target.id] = ImplementationTable(entries[EAGER], others)
    return found


def looked_up_by_configuration(expression: ast.expr, initializer: ast.FunctionDef) -> list[str]:
    """Names of the tables that an expression looks up by the configuration's implementation, and by no other key.

    Args:
        expression: what `initializer` assigns.
        initializer: where a local may stand for the implementation.
    """
    return [
        ast.unparse(node.value)
        for node in ast.walk(expression)
        if isinstance(node, ast.Subscript) and _is_implementation(node.slice, initializer)
    ]


def _is_implementation(key: ast.expr, initializer: ast.FunctionDef) -> bool:
    """Whether a key is the configuration's implementation, as it stands or where flash attention is not asked for."""
    if isinstance(key, ast.Name):
        bound = [
            node
            for node in ast.walk(initializer)
            if (isinstance(node, ast.Name) and node.id == key.id and isinstance(node.ctx, ast.Store))
            or (isinstance(node, ast.arg) and node.arg == key.id)
        ]
        values = [
            node.value
            for node in ast.walk(initializer)
            if isinstance(node, ast.Assign) and key.id in {ast.unparse(target) for target in node.targets}
        ]
        return len(bound) == len(values) == 1 and _is_implementation(values[0], initializer)
    if isinstance(key, ast.IfExp):
        asked = isinstance(key.test, ast.Call) and ast.unparse(key.test.func) == ASKS_FOR_FLASH
        return asked and _is_implementation(key.orelse, initializer)
    return isinstance(key, ast.Attribute) and key.attr == "_attn_implementation"
