"""Call the eager attention function itself instead of looking an implementation up in a registry.

The registry chooses flash, SDPA or eager kernels at run time; the export has one of them. Two spellings are known:
`<registry>.get_interface(<implementation>, <eager function>)`, and the older pair of a default and an `if` that
overwrites it from `<registry>[<implementation>]`.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, source

REGISTRY = "ALL_ATTENTION_FUNCTIONS"


class DirectEagerAttention(Rule):
    why = "The export has one attention implementation, eager with a boolean mask, so nothing is looked up."
    roles = (Role.ATTENTION,)
    construct = f"`<interface> = {REGISTRY}.get_interface(..., <eager function>)` and a call of <interface>"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        finder = _FindInterface(set(anatomy.attention_functions))
        function.node.visit(finder)
        if not finder.interfaces:
            return function.node, 0
        node = cst.ensure_type(function.node.visit(_CallDirectly(finder.interfaces)), cst.FunctionDef)
        return node, len(finder.interfaces)


class _FindInterface(cst.CSTVisitor):
    """Locals that stand for an attention implementation, with the eager function they default to."""

    def __init__(self, functions: set[str]) -> None:
        self.functions = functions
        self.interfaces: dict[str, str] = {}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is None:
            return
        name, value = assigned
        if isinstance(value, cst.Call) and source(value.func) == f"{REGISTRY}.get_interface":
            self.interfaces[name] = source(value.args[-1].value)
        elif source(value) in self.functions:
            self.interfaces[name] = source(value)


class _CallDirectly(cst.CSTTransformer):
    def __init__(self, interfaces: dict[str, str]) -> None:
        self.interfaces = interfaces

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        assigned = assigned_name(updated_node)
        if assigned is not None and assigned[0] in self.interfaces:
            return cst.RemoveFromParent()
        return updated_node

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.RemovalSentinel:
        only_lookup = not updated_node.body.body and updated_node.orelse is None
        return cst.RemoveFromParent() if only_lookup else updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        name = source(updated_node.func)
        if name in self.interfaces:
            return updated_node.with_changes(func=cst.parse_expression(self.interfaces[name]))
        return updated_node
