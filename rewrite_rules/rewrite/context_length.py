"""Take the length of the context where upstream adds the new tokens to the length of the cache.

What upstream makes for every token so far, such as the distances of a linear bias, the graph makes for every slot of
the context: slot `i` holds position `i`. A length that nothing reads any more is not asked for.
"""

from __future__ import annotations

import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import (
    SEEN,
    assigned_name,
    names_loaded,
    only_statement,
    source,
    without_assignments,
)

SIZES = re.compile(r"\w+, (\w+)(?:, _)? = \w+\.(?:shape|size\(\)\[:-1\])|(\w+) = \w+\.shape\[1\]")
CONTEXT = "target_length"


class ContextLength(Rule):
    why = "What upstream makes for all tokens so far is made for all slots of the context, whose length is fixed."
    roles = (Role.MODEL,)
    construct = f"`torch.ones((<batch size>, <new tokens> + <length of the cache>), ...)`, the length being `{SEEN}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        facts = _Lengths()
        function.node.visit(facts)
        taker = _TakeContext(facts)
        node = cst.ensure_type(function.node.visit(taker), cst.FunctionDef)
        node = without_assignments(node, facts.totals - names_loaded(node))
        unread = facts.seen - names_loaded(node)
        if not taker.count and not unread:
            return function.node, 0
        return without_assignments(node, unread), max(taker.count, len(unread))


class _Lengths(cst.CSTVisitor):
    """Locals that hold the cache's length, the number of new tokens, and the sum of both."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.new: set[str] = set()
        self.totals: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        statement = only_statement(node)
        sizes = SIZES.fullmatch(source(statement)) if statement is not None else None
        if sizes is not None:
            self.new.add(sizes.group(1) or sizes.group(2))
        assigned = assigned_name(node)
        if assigned is None:
            return
        if source(assigned[1]) == SEEN:
            self.seen.add(assigned[0])
        elif self.is_total(assigned[1]):
            self.totals.add(assigned[0])

    def is_total(self, expression: cst.BaseExpression) -> bool:
        if isinstance(expression, cst.Name):
            return expression.value in self.totals
        if not isinstance(expression, cst.BinaryOperation) or not isinstance(expression.operator, cst.Add):
            return False
        left, right = source(expression.left), source(expression.right)
        return (left in self.new and right in self.seen) or (left in self.seen and right in self.new)


class _TakeContext(cst.CSTTransformer):
    def __init__(self, facts: _Lengths) -> None:
        self.facts = facts
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if source(updated_node.func) != "torch.ones" or not updated_node.args:
            return updated_node
        shape = updated_node.args[0].value
        lengths = list(shape.elements) if isinstance(shape, cst.Tuple) else list(updated_node.args[:2])
        if len(lengths) != 2 or not self.facts.is_total(lengths[1].value):
            return updated_node
        self.count += 1
        # Replaced as a node: the same name may stand elsewhere in the call.
        return cst.ensure_type(updated_node.deep_replace(lengths[1].value, cst.Name(CONTEXT)), cst.Call)
