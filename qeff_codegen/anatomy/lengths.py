"""Locals that count tokens: those that are cached, those that are new, and the sum of both."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from qeff_codegen.anatomy.tree import find, spelled
from qeff_codegen.anatomy.vocabulary import SEEN

# Tensors with a row for each new token on their second axis.
OF_TOKENS = {"inputs_embeds", "hidden_states", "input_ids"}


@dataclass
class Lengths:
    """Locals of one function.

    Attributes:
        batch: the number of sequences.
        seen: the cache's length.
        new: the number of new tokens.
        totals: the sum of `seen` and `new`.
    """

    batch: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    totals: set[str] = field(default_factory=set)

    def is_total(self, expression: ast.expr) -> bool:
        """Whether an expression is the number of all tokens so far."""
        if isinstance(expression, ast.Name):
            return expression.id in self.totals
        if not isinstance(expression, ast.BinOp) or not isinstance(expression.op, ast.Add):
            return False
        left, right = expression.left, expression.right
        return (self.counts_new(left) and self._is_seen(right)) or (self._is_seen(left) and self.counts_new(right))

    def counts_new(self, expression: ast.expr) -> bool:
        """Whether an expression is the number of new tokens: a name for it, or the size written out."""
        if isinstance(expression, ast.Name):
            return expression.id in self.new
        sized = _second_size_of(expression)
        return isinstance(sized, ast.Name) and sized.id in OF_TOKENS

    def _is_seen(self, expression: ast.expr) -> bool:
        return isinstance(expression, ast.Name) and expression.id in self.seen


def lengths_of(function: ast.FunctionDef) -> Lengths:
    """The locals of `function` that count, as its assignments show, from the first to the last."""
    lengths = Lengths()
    assignments = [node for node in find(ast.Assign, function) if len(node.targets) == 1]
    for node in sorted(assignments, key=lambda node: (node.lineno, node.col_offset)):
        target = node.targets[0]
        if isinstance(target, ast.Tuple):
            names = [item.id for item in target.elts if isinstance(item, ast.Name)]
            if len(names) == len(target.elts) and _are_sizes(node.value, len(names)) and names[2:] in ([], ["_"]):
                lengths.batch.add(names[0])
                lengths.new.add(names[1])
        elif isinstance(target, ast.Name):
            if isinstance(_second_size_of(node.value), ast.Name):
                lengths.new.add(target.id)
            if spelled(node.value) == SEEN:
                lengths.seen.add(target.id)
            elif lengths.is_total(node.value):
                lengths.totals.add(target.id)
    return lengths


def _second_size_of(expression: ast.expr) -> ast.expr | None:
    """The `x` of `x.shape[1]`."""
    if not isinstance(expression, ast.Subscript) or not isinstance(expression.slice, ast.Constant):
        return None
    shape, second = expression.value, expression.slice.value == 1
    return shape.value if second and isinstance(shape, ast.Attribute) and _is_attribute(shape, "shape") else None


def _are_sizes(expression: ast.expr, count: int) -> bool:
    """`x.shape`, or `x.size()[:-1]`, of a local."""
    if isinstance(expression, ast.Subscript):
        call = expression.value
        sized = isinstance(call, ast.Call) and not call.args and not call.keywords and _is_attribute(call.func, "size")
        return sized and spelled(expression.slice) == ":-1"
    return _is_attribute(expression, "shape")


def _is_attribute(expression: ast.expr, name: str) -> bool:
    return isinstance(expression, ast.Attribute) and expression.attr == name and isinstance(expression.value, ast.Name)
