"""Tell the cache nothing beside keys, values and the layer, where upstream hands it notes that it does not read.

Older releases give `update` a dictionary: the rotation, the window, and `cache_position`, for caches of a fixed size.
A cache that grows, which is the reference, reads none of it, and the generated cache is told what it needs by a rule
of its own.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import (
    assigned_name,
    names_read,
    only_statement,
    source,
    statements_of,
    without_assignments,
)

# What a growing cache is told and does not read.
UNREAD = {"sin", "cos", "cache_position", "partial_rotation_size", "sliding_window"}


class NoCacheKeywords(Rule):
    why = "A cache that grows reads nothing but keys, values and the layer; what else it is told is for other caches."
    roles = (Role.ATTENTION,)
    words = (".update(",)
    construct = (
        "`<cache>.update(<key>, <value>, self.layer_idx, <notes>)`, the notes being a dictionary of "
        f"{', '.join(f'`{name}`' for name in sorted(UNREAD))}"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        finder = _FindNotes()
        function.node.visit(finder)
        dropper = _DropNotes(finder.notes)
        node = cst.ensure_type(function.node.visit(dropper), cst.FunctionDef)
        if not dropper.count:
            return function.node, 0
        node = without_assignments(node, dropper.dropped)
        left = dropper.dropped & names_read(node)
        if left:
            raise Unmatched(f"`{min(left)}` is told to more than the cache", node.params)
        return node, dropper.count


class _FindNotes(cst.CSTVisitor):
    """Locals that hold a dictionary, with every value they are bound to."""

    def __init__(self) -> None:
        self.notes: dict[str, list[cst.BaseExpression]] = {}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None:
            self.notes.setdefault(assigned[0], []).append(assigned[1])


class _DropNotes(cst.CSTTransformer):
    def __init__(self, notes: dict[str, list[cst.BaseExpression]]) -> None:
        self.notes = notes
        self.dropped: set[str] = set()
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        return cst.RemoveFromParent() if self._adds_note(original_node) else updated_node

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.RemovalSentinel:
        body = statements_of(original_node.body)
        if body and original_node.orelse is None and all(self._adds_note(item) for item in body):
            return cst.RemoveFromParent()
        return updated_node

    def _adds_note(self, item: cst.BaseStatement) -> bool:
        """Whether a statement is `<notes>.update({...})`, with nothing that a growing cache might read."""
        statement = only_statement(item)
        call = statement.value if isinstance(statement, cst.Expr) else None
        if not isinstance(call, cst.Call) or len(call.args) != 1 or _unknown(call.args[0].value):
            return False
        return source(call.func).removesuffix(".update") in self.notes and source(call.func).endswith(".update")

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if not source(updated_node.func).endswith(".update") or len(updated_node.args) != 4:
            return updated_node
        if not source(updated_node.args[2].value).startswith("self.layer_i") or any(
            item.star for item in updated_node.args
        ):
            return updated_node
        given = updated_node.args[3]
        if given.keyword is not None and given.keyword.value != "cache_kwargs":
            return updated_node
        name = given.value.value if isinstance(given.value, cst.Name) else ""
        values = self.notes.get(name, []) if name else [given.value]
        unknown = next((item for item in map(_unknown, values) if item), "")
        if unknown or not values:
            raise Unmatched(f"the cache is told something that it may read: `{unknown or name}`", updated_node)
        self.count += 1
        self.dropped |= {name} if name else set()
        third = updated_node.args[2].with_changes(comma=given.comma)
        return updated_node.with_changes(args=[*updated_node.args[:2], third])


def _unknown(value: cst.BaseExpression) -> str:
    """What in a dictionary of notes a growing cache might read; empty if there is nothing."""
    if not isinstance(value, cst.Dict):
        return source(value)
    for item in value.elements:
        key = item.key if isinstance(item, cst.DictElement) else None
        if not isinstance(key, cst.SimpleString) or key.evaluated_value not in UNREAD:
            return source(item).rstrip(", ")
    return ""
