"""Give a table of positions no length of the cache when it is given the positions.

Some position tables also take the number of cached tokens and the tokens' mask: to count positions when none are
given, or to grow. Positions are always given, and none lies beyond the table, whose length the context cannot exceed.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import (
    SEEN,
    assigned_name,
    names_loaded,
    source,
    without_assignments,
    without_keywords,
)

POSITIONS = "position_ids"
UNUSED = {"attention_mask": "None"}


class NoLengthForPositions(Rule):
    why = "Positions are given, so the table that looks them up needs neither the cache's length nor a mask."
    roles = (Role.MODEL,)
    construct = "`self.<table>(..., <length of the cache>, ...)` with `position_ids` among the arguments"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        seen = _FindSeen()
        function.node.visit(seen)
        if not seen.names:
            return function.node, 0
        tables = {
            f"self.{attribute}": anatomy.file.classes[names[0]]
            for attribute, names in anatomy.model.cls.built.items()
            if len(names) == 1 and anatomy.file.classes[names[0]].forward is not None
        }
        dropper = _DropLength(tables, seen.names)
        node = cst.ensure_type(function.node.visit(dropper), cst.FunctionDef)
        if not dropper.count:
            return function.node, 0
        return without_assignments(node, seen.names - names_loaded(node)), dropper.count


class _FindSeen(cst.CSTVisitor):
    """Locals that hold how many tokens are cached."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and source(assigned[1]) == SEEN:
            self.names.add(assigned[0])


class _DropLength(cst.CSTTransformer):
    def __init__(self, tables: dict[str, ModelingClass], seen: set[str]) -> None:
        self.tables = tables
        self.seen = seen
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        table = self.tables.get(source(updated_node.func))
        if table is None or table.forward is None or any(item.star for item in updated_node.args):
            return updated_node
        names = parameters(table.forward)
        bound = {
            item.keyword.value if item.keyword is not None else names[index]: item.value
            for index, item in enumerate(updated_node.args)
        }
        lengths = {name for name, value in bound.items() if source(value) in self.seen}
        if not lengths or POSITIONS not in bound or not all(_is_unneeded(table, name) for name in lengths):
            return updated_node
        self.count += 1
        if all(item.keyword is not None for item in updated_node.args) and not set(UNUSED) & set(bound):
            return without_keywords(updated_node, lengths)
        values = {name: source(value) for name, value in bound.items() if name not in lengths}
        values |= {name: none for name, none in UNUSED.items() if name in values and _is_unneeded(table, name)}
        arguments = ", ".join(
            value if index == names.index(name) else f"{name}={value}"
            for index, (name, value) in enumerate(values.items())
        )
        return updated_node.with_changes(args=cst.ensure_type(cst.parse_expression(f"_({arguments})"), cst.Call).args)


def _is_unneeded(table: ModelingClass, parameter: str) -> bool:
    """Whether a table's forward reads a parameter only to count positions that are missing, or to grow itself."""
    assert table.forward is not None
    fine: set[int] = set()
    sizes: set[str] = set()
    for node in ast.walk(table.forward):
        if isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test) == f"{POSITIONS} is None":
            fine |= {id(child) for child in ast.walk(node)}
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(f" + seq_len + {parameter}"):
            sizes.add(ast.unparse(node.targets[0]))
            fine |= {id(child) for child in ast.walk(node)}
    for node in ast.walk(table.forward):
        if isinstance(node, ast.If) and any(
            f"{size} > self.weights.size(0)" in _all_of(node.test)
            and [ast.unparse(item).split("(")[0] for item in node.body] == ["self.make_weights"]
            for size in sizes
        ):
            fine |= {id(child) for child in ast.walk(node)}
    return all(
        id(node) in fine
        for node in ast.walk(table.forward)
        if isinstance(node, ast.Name) and node.id in {parameter, *sizes}
    )


def _all_of(test: ast.expr) -> list[str]:
    """Everything that must hold for a condition to."""
    values = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    return [ast.unparse(item) for item in values]
