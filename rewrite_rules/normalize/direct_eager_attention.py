"""Let the attention interface be the eager attention function instead of looking one up in a registry.

The registry chooses flash, SDPA or eager kernels at run time; the export has one of them. Two spellings are known:
`<registry>.get_interface(<implementation>, <eager function>)`, and the older pair of a default and an `if` that
overwrites it from `<registry>[<implementation>]`. The call of the interface stays as upstream wrote it.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, source, statements_of

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
        node = cst.ensure_type(function.node.visit(_Fix(finder.interfaces)), cst.FunctionDef)
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


class _Fix(cst.CSTTransformer):
    """Leave one assignment of each interface, that of its eager function."""

    def __init__(self, interfaces: dict[str, str]) -> None:
        self.interfaces = interfaces

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        if source(updated_node.func) == f"{REGISTRY}.get_interface":
            return updated_node.args[-1].value
        return updated_node

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.RemovalSentinel:
        lines = statements_of(updated_node.body)
        if updated_node.orelse is None and lines and all(self._looks_up(line) for line in lines):
            return cst.RemoveFromParent()
        return updated_node

    def _looks_up(self, line: cst.BaseStatement) -> bool:
        assigned = assigned_name(line)
        if assigned is None or not isinstance(assigned[1], cst.Subscript):
            return False
        return assigned[0] in self.interfaces and source(assigned[1].value) == REGISTRY
