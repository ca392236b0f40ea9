"""Look rows of a position table up by indexing it, instead of gathering from a copy for every sequence.

A pad's position is -1, which `torch.gather` refuses and an index takes for the last row; a pad's result is never used.
The table is then read as it is, not repeated for the batch.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import assigned_name, names_loaded, names_read, source, tree_of, without_assignments

COPIES = ".repeat(position_ids.shape[0], 1, 1)"
INDEX = re.compile(r"position_ids\.unsqueeze\(-1\)\.repeat\(1, 1, (\w+)\.shape\[-1\]\)")


class TableRowsByPosition(Rule):
    why = "A pad's position is -1: indexing the table accepts it, gathering does not, and nothing is copied."
    roles = (Role.ATTENTION,)
    construct = f"`torch.gather(<table>, 1, <index>)`, the table being `<rows>{COPIES}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        cls = anatomy.file.classes[function.owner or ""]
        if not _copying_methods(cls):
            return function.node, 0
        if not function.is_forward:
            return _return_table(function) if function.name in _copying_methods(cls) else (function.node, 0)
        finder = _FindTables(_copying_methods(cls))
        function.node.visit(finder)
        indexer = _Index(finder)
        node = cst.ensure_type(function.node.visit(indexer), cst.FunctionDef)
        node = without_assignments(node, set(finder.indices) - names_loaded(node))
        left = set(finder.indices) & names_read(node)
        if left or indexer.count != len(finder.tables) or indexer.other_uses(node):
            raise Unmatched("the copies of the position table are used in another way", function.node.params)
        return node, indexer.count


def _copying_methods(cls: ModelingClass) -> set[str]:
    """Methods that only return a table, copied for every sequence."""
    return {
        name
        for name, method in cls.methods.items()
        if [ast.unparse(item).endswith(COPIES) for item in ast.walk(method) if isinstance(item, ast.Return)] == [True]
    }


def _return_table(function: Function) -> tuple[cst.FunctionDef, int]:
    returner = _DropCopies()
    return cst.ensure_type(function.node.visit(returner), cst.FunctionDef), 1


class _DropCopies(cst.CSTTransformer):
    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> cst.Return:
        table = source(original_node.value or cst.Name("None")).removesuffix(COPIES)
        if re.fullmatch(r"[\w.]+", table) is None:
            raise Unmatched("what is copied for every sequence is not a table as it is kept", original_node)
        return updated_node.with_changes(value=cst.parse_expression(table))


class _FindTables(cst.CSTVisitor):
    """Locals that hold copies of a table, and those that hold positions spread over its columns."""

    def __init__(self, methods: set[str]) -> None:
        self.calls = {f"self.{name}(position_ids)" for name in methods}
        self.tables: set[str] = set()
        self.indices: dict[str, str] = {}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is None:
            return
        if source(assigned[1]) in self.calls:
            self.tables.add(assigned[0])
        elif (index := INDEX.fullmatch(source(assigned[1]))) is not None:
            self.indices[assigned[0]] = index.group(1)


class _Index(cst.CSTTransformer):
    def __init__(self, found: _FindTables) -> None:
        self.found = found
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        arguments = [source(item.value) for item in updated_node.args]
        if source(updated_node.func) != "torch.gather" or len(arguments) != 3 or arguments[1] != "1":
            return updated_node
        if arguments[0] not in self.found.tables or self.found.indices.get(arguments[2]) != arguments[0]:
            return updated_node
        self.count += 1
        return cst.parse_expression(f"{arguments[0]}[position_ids]")

    def other_uses(self, function: cst.FunctionDef) -> bool:
        """Whether a table is read, or changed, anywhere but where it is taken and where its rows are looked up."""
        tree = tree_of(function)
        uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in self.found.tables]
        read = sum(isinstance(node.ctx, ast.Load) for node in uses)
        return read != self.count or len(uses) - read != len(self.found.tables)
