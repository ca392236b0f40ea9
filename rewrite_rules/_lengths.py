"""Locals that count tokens: those that are cached, those that are new, and the sum of both."""

from __future__ import annotations

import re

import libcst as cst

from rewrite_rules._matching import SEEN, assigned_name, only_statement, source

SIZES = re.compile(r"(\w+), (\w+)(?:, _)? = \w+\.(?:shape|size\(\)\[:-1\])|(\w+) = \w+\.shape\[1\]")
COUNTED = re.compile(r"(?:inputs_embeds|hidden_states|input_ids)\.shape\[1\]")


class Lengths(cst.CSTVisitor):
    """Locals that hold the cache's length, the number of new tokens, the sum of both, and the number of sequences."""

    def __init__(self) -> None:
        self.batch: set[str] = set()
        self.seen: set[str] = set()
        self.new: set[str] = set()
        self.totals: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        statement = only_statement(node)
        sizes = SIZES.fullmatch(source(statement)) if statement is not None else None
        if sizes is not None:
            self.new.add(sizes.group(2) or sizes.group(3))
            self.batch |= {sizes.group(1)} - {None}
        assigned = assigned_name(node)
        if assigned is None:
            return
        if source(assigned[1]) == SEEN:
            self.seen.add(assigned[0])
        elif self.is_total(assigned[1]):
            self.totals.add(assigned[0])

    def is_total(self, expression: cst.BaseExpression) -> bool:
        """Whether an expression is the number of all tokens so far."""
        if isinstance(expression, cst.Name):
            return expression.value in self.totals
        if not isinstance(expression, cst.BinaryOperation) or not isinstance(expression.operator, cst.Add):
            return False
        left, right = source(expression.left), source(expression.right)
        return (self.counts_new(left) and right in self.seen) or (left in self.seen and self.counts_new(right))

    def counts_new(self, text: str) -> bool:
        """Whether an expression is the number of new tokens: a name for it, or the size written out."""
        return text in self.new or COUNTED.fullmatch(text) is not None
