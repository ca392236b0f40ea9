"""Tables of one module's implementations: `{"eager": A, "sdpa": B, ...}`, looked up by the configuration.

The export has one implementation, eager. A model that was loaded with another one holds that one's class, so the
other classes of the table are kept beside it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.codemod.tree import find, spelled

EAGER = "eager"
# What configurations call the implementation: transformers' own name, and that of files which keep it themselves.
IMPLEMENTATIONS = ("_attn_implementation", "attn_implementation")
ASKS_FOR_FLASH = "is_flash_attention_requested"
# Releases 4.34 and 4.35 keep in the configuration whether it is flash attention, and choose between two classes.
FLASH_ATTRIBUTE = "_flash_attn_2_enabled"
FLASH_ENABLED = f"getattr({{config}}, '{FLASH_ATTRIBUTE}', False)"


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


def chosen_by_flash(value: ast.expr, class_names: set[str]) -> ImplementationTable | None:
    """What `A(...) if not <flash attention is enabled> else B(...)` chooses between; None for any other expression."""
    if not isinstance(value, ast.IfExp):
        return None
    asked, eager, other = value.test, value.orelse, value.body
    if isinstance(asked, ast.UnaryOp) and isinstance(asked.op, ast.Not):
        asked, eager, other = asked.operand, other, eager
    if spelled(asked) != FLASH_ENABLED.format(config="config"):
        return None
    made = [spelled(side.func) for side in (eager, other) if isinstance(side, ast.Call)]
    return ImplementationTable(made[0], (made[1],)) if len(made) == 2 and class_names >= set(made) else None


def looked_up_by_configuration(expression: ast.expr, initializer: ast.FunctionDef) -> list[str]:
    """Names of the tables that an expression looks up by the configuration's implementation, and by no other key.

    Args:
        expression: what `initializer` assigns.
        initializer: where a local may stand for the implementation.
    """
    return [
        spelled(node.value) for node in find(ast.Subscript, expression) if _is_implementation(node.slice, initializer)
    ]


def _is_implementation(key: ast.expr, initializer: ast.FunctionDef) -> bool:
    """Whether a key is the configuration's implementation, as it stands or where flash attention is not asked for."""
    if isinstance(key, ast.Name):
        stores = [item for item in find(ast.Name, initializer) if isinstance(item.ctx, ast.Store)]
        bound = [item.id for item in stores] + [item.arg for item in find(ast.arg, initializer)]
        values = [
            node.value for node in find(ast.Assign, initializer) if key.id in {spelled(item) for item in node.targets}
        ]
        return bound.count(key.id) == len(values) == 1 and _is_implementation(values[0], initializer)
    if isinstance(key, ast.IfExp):
        asked = isinstance(key.test, ast.Call) and spelled(key.test.func) == ASKS_FOR_FLASH
        return asked and _is_implementation(key.orelse, initializer)
    return isinstance(key, ast.Attribute) and key.attr in IMPLEMENTATIONS
