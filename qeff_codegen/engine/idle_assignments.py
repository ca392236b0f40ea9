"""Take away what a rule left without a reader.

A rule that drops the last use of a local name need not know where that name was bound; upstream's reader would ask
what it is for.
"""

from __future__ import annotations

import ast

import libcst as cst
import libcst.matchers as m

_ONE_ASSIGNMENT = m.SimpleStatementLine(body=[m.Assign(targets=[m.AssignTarget(target=m.Name())])])


def without_idle_assignments(before: cst.FunctionDef, after: cst.FunctionDef) -> cst.FunctionDef:
    """`after`, without assignments of local names that `before` reads and `after` no longer does.

    Only an assignment whose value calls nothing is taken away: what is called might do something.
    """
    read = _names_read(before)
    while True:
        dropper = _Drop(read - _names_read(after))
        after = cst.ensure_type(after.visit(dropper), cst.FunctionDef)
        if not dropper.count:
            return after


def _names_read(function: cst.FunctionDef) -> set[str]:
    tree = ast.parse(cst.Module([function]).code)
    added_to = {ast.unparse(node.target) for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    return added_to | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }


class _Drop(cst.CSTTransformer):
    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        if not self.names or not m.matches(updated_node, _ONE_ASSIGNMENT):
            return updated_node
        assign = cst.ensure_type(updated_node.body[0], cst.Assign)
        target = cst.ensure_type(assign.targets[0].target, cst.Name)
        if target.value in self.names and not m.findall(assign.value, m.Call()):
            self.count += 1
            return cst.RemoveFromParent()
        return updated_node

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.RemovalSentinel:
        is_empty = not updated_node.body.body and updated_node.orelse is None
        return cst.RemoveFromParent() if is_empty and not m.findall(updated_node.test, m.Call()) else updated_node
