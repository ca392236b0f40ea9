"""Take away what a rule left without a reader.

A rule that drops the last use of a local name need not know where that name was bound; upstream's reader would ask
what it is for.
"""

from __future__ import annotations

import ast

import libcst as cst
import libcst.matchers as m

# Asking a tensor for its size does nothing.
_ACTS = m.Call(func=~m.Attribute(attr=m.Name("size")))
_ASSIGNMENT = m.SimpleStatementLine(body=[m.Assign(targets=[m.AssignTarget()])])


def without_idle_assignments(before: cst.FunctionDef, after: cst.FunctionDef) -> cst.FunctionDef:
    """`after`, without assignments of local names that `before` reads and `after` no longer does.

    Only an assignment whose value calls nothing is taken away: what is called might do something. Of names assigned
    side by side, `a, b = x, y`, those that are still read stay.
    """
    read = _names_read(_tree(before))
    while True:
        tree = _tree(after)
        idle = read - _names_read(tree)
        # Most changes leave nothing idle, and looking at the tree once is quicker than visiting it.
        if not idle and not _has_empty_branch(tree):
            return after
        dropper = _Drop(idle)
        after = cst.ensure_type(after.visit(dropper), cst.FunctionDef)
        if not dropper.count:
            return after


def _tree(function: cst.FunctionDef) -> ast.Module:
    return ast.parse(cst.Module([function]).code)


def _has_empty_branch(tree: ast.Module) -> bool:
    """Whether an `if` has nothing left in it, where LibCST writes `pass`."""
    return any(isinstance(node, ast.If) and isinstance(node.body[0], ast.Pass) for node in ast.walk(tree))


def _names_read(tree: ast.Module) -> set[str]:
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
        if not self.names or not m.matches(updated_node, _ASSIGNMENT):
            return updated_node
        assign = cst.ensure_type(updated_node.body[0], cst.Assign)
        target, value = assign.targets[0].target, assign.value
        if self._is_idle(target, value):
            self.count += 1
            return cst.RemoveFromParent()
        if not isinstance(target, cst.Tuple) or not isinstance(value, cst.Tuple):
            return updated_node
        pairs = list(zip(target.elements, value.elements, strict=False))
        kept = [pair for pair in pairs if not self._is_idle(pair[0].value, pair[1].value)]
        if len(target.elements) != len(value.elements) or len(kept) == len(pairs) or not kept:
            return updated_node
        self.count += 1
        left, right = (_side_by_side([pair[side] for pair in kept]) for side in (0, 1))
        targets = [assign.targets[0].with_changes(target=left)]
        return updated_node.with_changes(body=[assign.with_changes(targets=targets, value=right)])

    def _is_idle(self, target: cst.CSTNode, value: cst.BaseExpression) -> bool:
        return isinstance(target, cst.Name) and target.value in self.names and not m.findall(value, _ACTS)

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.RemovalSentinel:
        is_empty = not updated_node.body.body and updated_node.orelse is None
        return cst.RemoveFromParent() if is_empty and not m.findall(updated_node.test, _ACTS) else updated_node


def _side_by_side(elements: list[cst.BaseElement]) -> cst.BaseExpression:
    """One expression, or several as a tuple."""
    last = elements[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return elements[0].value if len(elements) == 1 else cst.Tuple([*elements[:-1], last], lpar=(), rpar=())
