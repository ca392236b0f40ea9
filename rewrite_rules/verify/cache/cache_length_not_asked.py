"""The generated code does with the cache what it may: update it, ask for the context's length, wrap and unwrap it.

A preallocated cache is always as long as the context. Code that asks its length to learn how many tokens came before,
or that reaches into its layers, would get an answer, and a wrong one. What the generated code itself lays down on the
cache it may pick up again.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.vocabulary import CACHE
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

LENGTH = "get_seq_length"
ALLOWED = {"update", "to_legacy_cache", "update_conv_state", "get_recurrent_state", "update_recurrent_state"}
CONTEXT = "target_length"


class CacheLengthNotAsked(Check):
    promise = "The cache is updated and unwrapped, and its length is only ever taken for the length of the context."

    def broken(self, module: FinishedModule) -> list[Broken]:
        context = {
            id(node)
            for statement in find(ast.Assign, module.tree)
            if spelled(statement.targets[0]) == CONTEXT
            for node in find(ast.Attribute, statement.value)
        }
        attributes = find(ast.Attribute, module.tree)
        laid_down = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
        return [
            Broken(_what(node), generated=node.lineno)
            for node in attributes
            if isinstance(node.value, ast.Name)
            and node.value.id == CACHE
            and node.attr not in ALLOWED | laid_down
            and not (node.attr == LENGTH and id(node) in context)
        ]


def _what(node: ast.Attribute) -> str:
    if node.attr == LENGTH:
        return f"`{spelled(node)}` asks how many tokens came before; a preallocated cache has the context's length"
    return f"`{spelled(node)}` asks a preallocated cache for more than it can tell"
