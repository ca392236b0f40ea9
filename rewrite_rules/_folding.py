"""Decide conditions that are fixed in an exported decoder, and drop the branches that can then never run.

A rule says which expressions are known (`self.training` is false, `labels` is None); folding carries that through
`not`, `and`, `or`, conditional expressions and `if`/`elif`/`else`. Nothing else is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from rewrite_rules._matching import source

Truth = Callable[[cst.BaseExpression], bool | None]


def fold(function: cst.FunctionDef, truth: Truth) -> tuple[cst.FunctionDef, int]:
    """Fold `function`; returns it with the number of conditions decided."""
    folder = _Fold(truth)
    folded = cst.ensure_type(function.visit(folder), cst.FunctionDef)
    return (folded, folder.decided) if folder.decided else (function, 0)


def none_comparison(expression: cst.BaseExpression, names: set[str] | frozenset[str]) -> bool | None:
    """Truth of `<name> is None` and `<name> is not None` for names known to be None."""
    if not isinstance(expression, cst.Comparison) or len(expression.comparisons) != 1:
        return None
    comparison = expression.comparisons[0]
    if not isinstance(expression.left, cst.Name) or expression.left.value not in names:
        return None
    if not isinstance(comparison.comparator, cst.Name) or comparison.comparator.value != "None":
        return None
    if isinstance(comparison.operator, cst.Is):
        return True
    return False if isinstance(comparison.operator, cst.IsNot) else None


class _Fold(cst.CSTTransformer):
    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.decided = 0
        self.elifs: set[cst.If] = set()

    def simplify(self, test: cst.BaseExpression) -> bool | cst.BaseExpression:
        """The value of a condition if it is decided, else what is left of it."""
        known = self.truth(test)
        if known is not None:
            self.decided += 1
            return known
        if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            inner = self.simplify(test.expression)
            if isinstance(inner, bool):
                return not inner
            return test if inner is test.expression else test.with_changes(expression=inner)
        if isinstance(test, cst.BooleanOperation):
            return self._simplify_boolean(test)
        return test

    def _simplify_boolean(self, test: cst.BooleanOperation) -> bool | cst.BaseExpression:
        left, right = self.simplify(test.left), self.simplify(test.right)
        ends_on = isinstance(test.operator, cst.Or)
        if left is ends_on or right is ends_on:
            return ends_on
        if isinstance(left, bool):
            return right
        if isinstance(right, bool):
            return left
        if left is test.left and right is test.right:
            return test
        return test.with_changes(left=left, right=right)

    def visit_If(self, node: cst.If) -> None:
        if isinstance(node.orelse, cst.If):
            self.elifs.add(node.orelse)

    def leave_If(
        self, original_node: cst.If, updated_node: cst.If
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
        if original_node in self.elifs:
            return updated_node
        before = self.decided
        branches, last = self._open_branches(updated_node)
        if self.decided == before and updated_node.body.body:
            return updated_node
        return _rebuild(updated_node, branches, last)

    def _open_branches(self, node: cst.If) -> tuple[list[cst.If], cst.BaseSuite | None]:
        """The branches that may still run, each without its `else`, and the body of the final `else`."""
        branches: list[cst.If] = []
        current: cst.If | cst.Else | None = node
        while isinstance(current, cst.If):
            test = self.simplify(current.test)
            if test is True:
                return branches, current.body
            if not isinstance(test, bool) and current.body.body:
                branches.append(current.with_changes(test=_unparenthesized(test), orelse=None))
            current = current.orelse
        return branches, current.body if current is not None else None

    def leave_IfExp(self, original_node: cst.IfExp, updated_node: cst.IfExp) -> cst.BaseExpression:
        test = self.simplify(updated_node.test)
        if isinstance(test, bool):
            return updated_node.body if test else updated_node.orelse
        return updated_node if test is updated_node.test else updated_node.with_changes(test=test)


def _unparenthesized(test: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(test, (cst.Comparison, cst.BooleanOperation)) and test.lpar and "\n" not in source(test):
        return test.with_changes(lpar=(), rpar=())
    return test


def _rebuild(
    node: cst.If, branches: list[cst.If], last: cst.BaseSuite | None
) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
    if not branches:
        if last is None or not isinstance(last, cst.IndentedBlock):
            return cst.RemoveFromParent()
        return cst.FlattenSentinel(_keep_comments(node, [item for item in last.body if not _is_pass(item)]))
    orelse: cst.If | cst.Else | None = cst.Else(body=last) if last is not None else None
    for branch in reversed(branches):
        orelse = branch.with_changes(orelse=orelse)
    return cst.ensure_type(orelse, cst.If).with_changes(leading_lines=node.leading_lines)


def _is_pass(statement: cst.BaseStatement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and all(
        isinstance(item, cst.Pass) for item in statement.body
    )


def _keep_comments(node: cst.If, body: list[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """Put what stood above the `if` above the first statement that takes its place."""
    if body and isinstance(body[0], (cst.SimpleStatementLine, cst.If, cst.For, cst.With)):
        first = body[0]
        body[0] = first.with_changes(leading_lines=[*node.leading_lines, *first.leading_lines])
    return body
