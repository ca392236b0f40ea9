"""Keep latents that values are expanded from where the cache clears what no token has written.

A slot that holds no token may hold anything. For keys that is no matter, since the mask replaces their scores; values
are multiplied with weights of zero, which does not remove a NaN, so the cache clears them as it reads them. Where
upstream caches latents and expands them afterwards, it is the latent that the values come from which must be cleared.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import bind, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._made_of import made_of
from rewrite_rules._matching import CACHE, only_statement, source, tree_of

UPDATE = f"{CACHE}.update"
# Where eager attention takes the values: after the module, the queries and the keys.
VALUES = 3


class LatentsAsValues(Rule):
    why = "The cache clears unused slots of values, not of keys; a latent that values come from is kept as a value."
    roles = (Role.ATTENTION,)
    words = (f"{UPDATE}(",)
    construct = (
        f"`<a>, <b> = {UPDATE}(<a>, <b>, ...)`, then `<keys>, <values> = self.<expand>(<a>, <b>)`, the values being "
        "made of one of the two"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        cls = anatomy.file.classes.get(function.owner or "")
        expanded = _expanded(tree_of(function.node), cls.methods) if function.is_forward and cls is not None else None
        if expanded is None:
            return function.node, 0
        cached, values = expanded
        if values == {cached[1]}:
            return function.node, 0
        if values is None:
            raise Unmatched("it cannot be told what of the cached the values are expanded from", function.node)
        if values != {cached[0]}:
            raise Unmatched(
                "values are not expanded from one alone of what is cached, and one is cleared", function.node
            )
        exchanger = _Exchange(cached)
        return cst.ensure_type(function.node.visit(exchanger), cst.FunctionDef), exchanger.count


def _expanded(
    forward: ast.FunctionDef, methods: dict[str, ast.FunctionDef]
) -> tuple[tuple[str, str], set[str] | None] | None:
    """The two locals that are cached, if a method expands them afterwards, and which of them the values come from."""
    assigned = [
        (_targets(node), node.value)
        for node in ast.walk(forward)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    ]
    cached = next((results for results, call in assigned if ast.unparse(call.func) == UPDATE), ())
    if len(cached) != 2:
        return None
    taken = _values_taken(forward)
    for results, call in assigned:
        method = methods.get(self_attribute(call.func) or "")
        given = {name: ast.unparse(value) for name, value in bind(call, method).items()} if method else {}
        # A method that is given both may also be the attention itself.
        if method is None or not {*cached} <= {*given.values()} or taken not in results:
            continue
        parts = made_of(method)
        if parts is None or len(parts) != len(results):
            return (cached[0], cached[1]), None
        return (cached[0], cached[1]), {given.get(name, name) for name in parts[results.index(taken)] - {"self"}}
    return None


def _targets(node: ast.Assign) -> tuple[str, ...]:
    target = node.targets[0]
    return tuple(ast.unparse(item) for item in target.elts) if isinstance(target, ast.Tuple) else ()


def _values_taken(forward: ast.FunctionDef) -> str:
    """The local that is handed to the attention function as its values."""
    calls = [node for node in ast.walk(forward) if isinstance(node, ast.Call) and len(node.args) > VALUES]
    taken = {ast.unparse(call.args[VALUES]) for call in calls if ast.unparse(call.args[0]) == "self"}
    return taken.pop() if len(taken) == 1 else ""


class _Exchange(cst.CSTTransformer):
    """Exchanges the two in the call that caches them, and where its results are taken."""

    def __init__(self, cached: tuple[str, str]) -> None:
        self.taken = ", ".join(cached)
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        statement = only_statement(updated_node)
        if not isinstance(statement, cst.Assign) or not isinstance(statement.value, cst.Call):
            return updated_node
        call, target = statement.value, statement.targets[0].target
        if source(call.func) != UPDATE or not isinstance(target, cst.Tuple) or source(target) != self.taken:
            return updated_node
        self.count += 1
        first, second, *others = call.args
        exchanged = [first.with_changes(value=second.value), second.with_changes(value=first.value), *others]
        left, right = target.elements
        elements = [left.with_changes(value=right.value), right.with_changes(value=left.value)]
        targets = [statement.targets[0].with_changes(target=target.with_changes(elements=elements))]
        return updated_node.with_changes(
            body=[statement.with_changes(targets=targets, value=call.with_changes(args=exchanged))]
        )
