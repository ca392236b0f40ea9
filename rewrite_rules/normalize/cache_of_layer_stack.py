"""Take the cache that a model returns from its own name, not out of the layer stack's result.

Where another module loops over the layers, its output object holds the cache it was given. The model has that cache by
name, and gives it back by that name.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import CACHE, assigned_name, source, spelled


class CacheOfLayerStack(Rule):
    why = "The model gives back the cache it handed to its layers, by the name it has in the model."
    roles = (Role.MODEL,)
    construct = (
        f"`<outputs> = self.<stack>(..., {CACHE}={CACHE})`, and the field of `<outputs>` that holds it, returned"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        stacks = anatomy.parts(Role.LAYER_STACK)
        if not function.is_forward or not stacks:
            return function.node, 0
        if _binds_cache(stacks[0]):
            raise Unmatched(f"`{stacks[0].name}` makes a cache of its own, and the model has none", function.node)
        fields = _fields_of_cache(stacks[0])
        if not fields:
            raise Unmatched(f"`{stacks[0].name}` returns something else than the cache it was given", function.node)
        finder = _FindOutputs(set(stacks[0].called_as))
        function.node.visit(finder)
        taker = _Take({f"{name}.{field}" for name in finder.names for field in fields})
        return cst.ensure_type(function.node.visit(taker), cst.FunctionDef), taker.count


def _binds_cache(stack: Part) -> bool:
    """Whether the name of the cache that came in is bound again."""
    return any(
        isinstance(node, ast.Name) and node.id == stack.cache_parameter and isinstance(node.ctx, ast.Store)
        for node in ast.walk(stack.forward)
    )


def _fields_of_cache(stack: Part) -> set[str]:
    """The fields of the output object that hold the cache that came in, at every return; empty if one lacks it."""
    given = {stack.cache_parameter, f"{stack.cache_parameter} if use_cache else None"}
    returns = [node.value for node in ast.walk(stack.forward) if isinstance(node, ast.Return)]
    fields = [
        {keyword.arg for keyword in value.keywords if keyword.arg and ast.unparse(keyword.value) in given}
        for value in returns
        if isinstance(value, ast.Call)
    ]
    return set.intersection(*fields) if fields and len(fields) == len(returns) else set()


class _FindOutputs(cst.CSTVisitor):
    """Names that hold what the layer stack returns."""

    def __init__(self, stacks: set[str]) -> None:
        self.stacks = stacks
        self.names: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and isinstance(assigned[1], cst.Call) and spelled(assigned[1].func) in self.stacks:
            self.names.add(assigned[0])


class _Take(cst.CSTTransformer):
    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.count = 0

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        if source(updated_node) not in self.taken:
            return updated_node
        self.count += 1
        return cst.Name(CACHE)
