"""Return the KV cache from the attention and the decoder layer, and take it where they are called.

A traced module's outputs are what it returns; a cache that is only changed in place would be invisible to whoever
exports a layer on its own.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from rewrite_rules._matching import CACHE, assigned_name, only_statement, source, spelled

# What returns an output object, in which upstream puts the cache itself.
OUTSIDE = (Role.MODEL, Role.LAYER_STACK)


class ReturnCache(Rule):
    why = "What a module changes it returns: the updated cache is an output of every layer, not a side effect."
    roles = (Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, Role.ATTENTION)
    expect = Expect.AT_LEAST_ONE
    construct = (
        "`return <hidden states>` or `return <hidden states>, <weights>` in a decoder layer, "
        "`return <output>, <weights>` in an attention, "
        "each called as `<result> = <callee>(...)`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        if function.role is Role.MODEL and anatomy.parts(Role.LAYER_STACK):
            return function.node, 1  # the stack's output object holds the cache
        counts = {spelled: anatomy.returned_count(part) for spelled, part in anatomy.callees(function.role).items()}
        returner = _Return(function.role, counts)
        node = cst.ensure_type(function.node.visit(returner), cst.FunctionDef)
        if function.role not in OUTSIDE:
            node = node.with_changes(returns=_annotation(node.returns))
        return node, returner.count


class _Return(cst.CSTTransformer):
    """Append the cache to what is returned, and to what is taken.

    Args of the constructor:
        counts: for each callee, as it is spelled, how many values its forward returns; None for a single one.
    """

    def __init__(self, role: Role, counts: dict[str, int | None]) -> None:
        self.role = role
        self.counts = counts
        self.tuples: set[str] = set()
        self.count = 0

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and isinstance(assigned[1], cst.Tuple):
            self.tuples.add(assigned[0])

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        statement = only_statement(updated_node)
        if isinstance(statement, cst.Return) and self.role not in OUTSIDE:
            return self._return(updated_node, statement)
        if isinstance(statement, cst.Assign) and isinstance(statement.value, cst.Call):
            if spelled(statement.value.func) in self.counts:
                return self._take(updated_node, statement)
        return updated_node

    def _return(self, line: cst.SimpleStatementLine, statement: cst.Return) -> cst.SimpleStatementLine:
        value = statement.value
        known = (cst.Name, cst.BinaryOperation, cst.Tuple) if self.role is Role.DECODER_LAYER else (cst.Tuple,)
        if value is None or not isinstance(value, known) or source(value) in self.tuples:
            raise Unmatched(f"the {self.role} returns something else", statement)
        self.count += 1
        return line.with_changes(body=[statement.with_changes(value=_with_cache(value))])

    def _take(self, line: cst.SimpleStatementLine, statement: cst.Assign) -> cst.SimpleStatementLine:
        target = statement.targets[0]
        count = self.counts[spelled(cst.ensure_type(statement.value, cst.Call).func)]
        if len(statement.targets) != 1 or not _takes(target.target, count):
            raise Unmatched(f"the {self.role} takes the result otherwise", statement)
        self.count += 1
        taken = target.with_changes(target=_with_cache(target.target))
        return line.with_changes(body=[statement.with_changes(targets=[taken])])


def _takes(target: cst.BaseAssignTargetExpression, count: int | None) -> bool:
    """Whether a target takes apart a tuple of `count` values, or takes the only one."""
    if count is None or not isinstance(target, cst.Tuple):
        return count in (None, 1) and isinstance(target, cst.Name)
    return len(target.elements) == count


def _with_cache(value: cst.BaseExpression) -> cst.Tuple:
    elements = list(value.elements) if isinstance(value, cst.Tuple) else [cst.Element(value)]
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    elements = [item.with_changes(comma=comma) for item in elements]
    parentheses = (
        {"lpar": value.lpar, "rpar": value.rpar} if isinstance(value, cst.Tuple) else {"lpar": (), "rpar": ()}
    )
    return cst.Tuple([*elements, cst.Element(cst.Name(CACHE))], **parentheses)


def _annotation(returns: cst.Annotation | None) -> cst.Annotation | None:
    """`tuple[A, B]` becomes `tuple[A, B, Cache]`, `A` becomes `tuple[A, Cache]`; open-ended tuples already fit."""
    if returns is None:
        return None
    return returns.with_changes(annotation=_with_cache_type(returns.annotation))


def _with_cache_type(annotation: cst.BaseExpression) -> cst.BaseExpression:
    """Of tuples that are alternatives, each gets the cache."""
    if isinstance(annotation, cst.BinaryOperation) and isinstance(annotation.operator, cst.BitOr):
        if _is_tuple(annotation.right):
            left, right = _with_cache_type(annotation.left), _with_cache_type(annotation.right)
            return annotation.with_changes(left=left, right=right)
    inner = spelled(annotation)
    if _is_tuple(annotation):
        parts = [source(item.slice) for item in cst.ensure_type(annotation, cst.Subscript).slice]
        if parts[-1].strip() == "...":
            return annotation
        inner = ", ".join(parts)
    return cst.parse_expression(f"tuple[{inner}, Cache]")


def _is_tuple(annotation: cst.BaseExpression) -> bool:
    return isinstance(annotation, cst.Subscript) and spelled(annotation.value).lower() == "tuple"
