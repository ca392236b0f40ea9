"""Each attention updates the cache exactly once, unconditionally, and tells it position and batch index.

A condition on what `__init__` decided once for the layer is none: a layer that shares another's keys and values keeps
no state of its own, in every call. Neither is one whose other way hands the cache, position and batch index to the
runtime's attention in blocks, which updates it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.anatomy.caches import is_layer_index
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.vocabulary import CACHE
from qeff_codegen.codemod.tree import find, parents, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

TOLD = ("position_ids", "batch_index")
# How each updates the cache, and where it takes the layer's number, behind what is kept; what it is told follows.
UPDATES = {Role.ATTENTION: ("update", 2), Role.INDEXER: ("update_indexer", 1)}
IN_BLOCKS = "generic_blocked_attention_interface"


@dataclass(frozen=True)
class Condition:
    """Under what an update stands: its text, and the expression that must be true, if it is one that is asked."""

    text: str
    asked: ast.expr | None = None


class CacheReachedOnce(Check):
    promise = "Each attention reaches the cache exactly once per state it keeps, with position_ids and batch_index."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found: list[Broken] = []
        for part in [item for role in UPDATES for item in module.anatomy.parts(role)]:
            forward = module.method(part.name, "forward")
            method, index = UPDATES[part.role]
            updates = _updates(forward, method, index) if forward is not None else []
            if forward is None or len(updates) != 1:
                found.append(Broken(f"`{part.name}` updates the cache {len(updates)} times", part.forward.lineno))
                continue
            update, conditions = updates[0]
            settled = {f"self.{attribute}" for attribute in part.cls.assigned}
            found += [
                Broken(f"`{part.name}` updates the cache only if `{condition.text}`", generated=update.lineno)
                for condition in conditions
                if not _is_given(condition.asked, settled)
            ]
            told = _told(forward, update, index + 1)
            found += [
                Broken(f"`{part.name}` does not tell the cache {name}", generated=update.lineno)
                for name in TOLD
                if told.get(name) != name
            ]
        return found


def _updates(forward: ast.FunctionDef, method: str, index: int) -> list[tuple[ast.Call, list[Condition]]]:
    """Every `<cache>.update(<key>, <value>, self.layer_idx, ...)` with the conditions it stands under."""
    return [
        (call, _conditions(call, parents(forward)))
        for call in find(ast.Call, forward)
        if isinstance(call.func, ast.Attribute) and call.func.attr == method and len(call.args) > index
        if is_layer_index(call.args[index], forward)
    ]


def _conditions(node: ast.AST, above: dict[ast.AST, ast.AST]) -> list[Condition]:
    """What a node stands under, the outermost first."""
    found: list[Condition] = []
    while node in above:
        inner, node = node, above[node]
        if isinstance(node, (ast.For, ast.While)):
            found.append(Condition("the loop runs"))
        elif isinstance(node, (ast.If, ast.IfExp)) and inner in _either(node.body):
            found.append(Condition(spelled(node.test), node.test))
        elif isinstance(node, (ast.If, ast.IfExp)) and inner in _either(node.orelse):
            if not _updates_in_blocks(_either(node.body)):
                found.append(Condition(f"not ({spelled(node.test)})", ast.UnaryOp(ast.Not(), node.test)))
    return found[::-1]


def _either(branch: Sequence[ast.AST] | ast.expr) -> Sequence[ast.AST]:
    """The statements of one way of an `if`, or the one expression that it is."""
    return [branch] if isinstance(branch, ast.AST) else branch


def _updates_in_blocks(statements: Sequence[ast.AST]) -> bool:
    """Whether the statements are the one call that updates the cache and attends in blocks, told what it must be."""
    if len(statements) != 1 or not isinstance(statements[0], ast.Assign):
        return False
    call = statements[0].value
    if not isinstance(call, ast.Call) or spelled(call.func) != IN_BLOCKS:
        return False
    told = {keyword.arg: spelled(keyword.value) for keyword in call.keywords}
    return told.get("past_key_value") == CACHE and all(told.get(name) == name for name in TOLD)


def _is_given(asked: ast.expr | None, settled: set[str]) -> bool:
    """Whether a condition asks only for the cache, which is always there, and for flags settled in `__init__`."""
    if asked is None:
        return False
    parts = asked.values if isinstance(asked, ast.BoolOp) and isinstance(asked.op, ast.And) else [asked]
    for part in parts:
        flag = part.operand if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) else part
        if spelled(part) != f"{CACHE} is not None" and spelled(flag) not in settled:
            return False
    return True


def _told(forward: ast.FunctionDef, update: ast.Call, place: int) -> dict[str, str]:
    """The dictionary that the update is given, by key, as source text; the last one assigned before the call."""
    beside = update.args[place] if len(update.args) > place else None
    if not isinstance(beside, ast.Name):
        return {}
    told: dict[str, str] = {}
    for node in find(ast.Assign, forward):
        if isinstance(node.value, ast.Dict) and node.lineno < update.lineno:
            if [spelled(target) for target in node.targets] == [beside.id]:
                told = {
                    str(key.value): spelled(value)
                    for key, value in zip(node.value.keys, node.value.values, strict=True)
                    if isinstance(key, ast.Constant)
                }
    return told
