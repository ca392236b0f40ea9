"""Each attention updates the cache exactly once, unconditionally, and tells it position and batch index.

A condition on what `__init__` decided once for the layer is none: a layer that shares another's keys and values keeps
no state of its own, in every call. Neither is one whose other way hands the cache, position and batch index to the
runtime's attention in blocks, which updates it.
"""

from __future__ import annotations

import ast
import re

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

TOLD = ("position_ids", "batch_index")
CACHE = "past_key_values"
IN_BLOCKS = "generic_blocked_attention_interface"
# Nothing computed from it: the layer's own number is its place in the retained state.
LAYER_INDEX = re.compile(r"self\.layer_i\w*")


class CacheReachedOnce(Check):
    promise = "Each attention reaches the cache exactly once per state it keeps, with position_ids and batch_index."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found: list[Broken] = []
        for part in module.anatomy.parts(Role.ATTENTION):
            forward = module.method(part.name, "forward")
            updates = _updates(forward) if forward is not None else []
            if forward is None or len(updates) != 1:
                found.append(Broken(f"`{part.name}` updates the cache {len(updates)} times", part.forward.lineno))
                continue
            update, conditions = updates[0]
            settled = {f"self.{attribute}" for attribute in part.cls.assigned}
            found += [
                Broken(f"`{part.name}` updates the cache only if `{test}`", generated=update.lineno)
                for test in conditions
                if not _is_given(test, settled)
            ]
            told = _told(forward, update)
            found += [
                Broken(f"`{part.name}` does not tell the cache {name}", generated=update.lineno)
                for name in TOLD
                if told.get(name) != name
            ]
        return found


def _updates(forward: ast.FunctionDef) -> list[tuple[ast.Call, list[str]]]:
    """Every `<cache>.update(<key>, <value>, self.layer_idx, ...)` with the conditions it stands under."""
    found: list[tuple[ast.Call, list[str]]] = []

    def walk(node: ast.AST, conditions: list[str]) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
            if len(node.args) >= 3 and LAYER_INDEX.fullmatch(ast.unparse(node.args[2])):
                found.append((node, conditions))
        if isinstance(node, ast.If):
            for taken in node.body:
                walk(taken, [*conditions, ast.unparse(node.test)])
            other_way = [] if _updates_in_blocks(node.body) else [f"not ({ast.unparse(node.test)})"]
            for otherwise in node.orelse:
                walk(otherwise, [*conditions, *other_way])
            return
        if isinstance(node, (ast.For, ast.While)):
            conditions = [*conditions, "the loop runs"]
        for child in ast.iter_child_nodes(node):
            walk(child, conditions)

    walk(forward, [])
    return found


def _updates_in_blocks(statements: list[ast.stmt]) -> bool:
    """Whether the statements are the one call that updates the cache and attends in blocks, told what it must be."""
    if len(statements) != 1 or not isinstance(statements[0], ast.Assign):
        return False
    call = statements[0].value
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != IN_BLOCKS:
        return False
    told = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    return told.get("past_key_value") == CACHE and all(told.get(name) == name for name in TOLD)


def _is_given(test: str, settled: set[str]) -> bool:
    """Whether a condition asks only for the cache, which is always there, and for flags settled in `__init__`."""
    expression = ast.parse(test, mode="eval").body
    parts = (
        expression.values
        if isinstance(expression, ast.BoolOp) and isinstance(expression.op, ast.And)
        else [expression]
    )
    for part in parts:
        flag = part.operand if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) else part
        if ast.unparse(part) != f"{CACHE} is not None" and ast.unparse(flag) not in settled:
            return False
    return True


def _told(forward: ast.FunctionDef, update: ast.Call) -> dict[str, str]:
    """The dictionary that the update is given, by key, as source text; the last one assigned before the call."""
    if len(update.args) < 4 or not isinstance(update.args[3], ast.Name):
        return {}
    told: dict[str, str] = {}
    for node in ast.walk(forward):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and node.lineno < update.lineno:
            if [ast.unparse(target) for target in node.targets] == [update.args[3].id]:
                told = {
                    str(key.value): ast.unparse(value)
                    for key, value in zip(node.value.keys, node.value.values, strict=True)
                    if isinstance(key, ast.Constant)
                }
    return told
