"""Take a linear bias by key alone, from the end of its table.

A linear bias grows in proportion to the key's position. Upstream aligns the end of its table with the last key; the
graph aligns it with the last slot of the context. The two differ by the same number for every key of a query, which
softmax does not see. The table has one row for all queries, so the number of queries, for which upstream asks the
cache, is not needed.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import CACHE, assigned_name, names_loaded, source, tree_of, without_assignments

QUERIES = re.compile(rf"(\w+) if {CACHE} is None else \1 \+ {CACHE}\.get_seq_length\(\)")
TABLE_START = r"torch\.arange\(\d+ - \w+, \d+(, dtype=[\w.]+)?(, device=\w+)?\)(\.view\([\w, ]+\))?"


class BiasOfKeys(Rule):
    why = "A linear bias depends on the key's slot, up to a constant that softmax does not see; no length is counted."
    roles = (Role.ATTENTION,)
    construct = "`<bias> = <bias>[:, max(0, <bias>.size(1) - <queries>):, max(0, <bias>.size(2) - <keys>):]`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        finder = _FindBias()
        function.node.visit(finder)
        if not finder.queries or not finder.first_query:
            return function.node, 0
        (first, bias), *more = finder.first_query.items()
        if more or not _is_linear(anatomy) or not _only_added(function.node, bias, first):
            raise Unmatched(f"`{bias}` is not known to be a linear bias that is added to the scores", function.node)
        slicer = _AllQueries(bias, first)
        node = cst.ensure_type(function.node.visit(slicer), cst.FunctionDef)
        for name in (first, *finder.queries):
            node = without_assignments(node, {name} - names_loaded(node))
        return node, slicer.count


class _FindBias(cst.CSTVisitor):
    """The local that holds the number of queries, and the one that holds the bias's first row."""

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.first_query: dict[str, str] = {}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is None:
            return
        if QUERIES.fullmatch(source(assigned[1])):
            self.queries.append(assigned[0])
        for name in self.queries:
            match = re.fullmatch(rf"max\(0, (\w+)\.size\(1\) - {name}\)", source(assigned[1]))
            if match is not None:
                self.first_query[assigned[0]] = match.group(1)


class _AllQueries(cst.CSTTransformer):
    def __init__(self, bias: str, first: str) -> None:
        self.bias = bias
        self.first = first
        self.count = 0

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:
        indices = [source(item.slice) for item in updated_node.slice]
        if source(updated_node.value) != self.bias or len(indices) != 3 or indices[:2] != [":", f"{self.first}:"]:
            return updated_node
        self.count += 1
        return cst.parse_expression(f"{self.bias}[:, :, {indices[2]}]")


def _only_added(function: cst.FunctionDef, bias: str, first: str) -> bool:
    """Whether the bias is cut to the number of keys, counted from the end, and then only added to scores."""
    tree = tree_of(function)
    texts = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    cut = next(
        (match for text in texts if (match := re.fullmatch(rf"{bias} = {bias}\[:, {first}:, (\w+):\]", text))), None
    )
    if cut is None:
        return False
    starts = [text for text in texts if text.startswith(f"{cut.group(1)} = ")]
    keys = [text for text in texts if re.fullmatch(r"\w+ = key\w*\.shape\[-2\]", text)]
    counted = [f"{cut.group(1)} = max(0, {bias}.size(2) - {text.split(' = ')[0]})" for text in keys]
    added = [text for text in texts if re.fullmatch(rf"(\w+) = \1 \+ {bias}", text)]
    others = [text for text in texts if bias in re.findall(r"\w+", text) and text not in added]
    known = {cut.group(0), *starts, *(text for text in texts if text.startswith(f"{first} = "))}
    return starts == counted and len(added) == 1 and set(others) <= known


def _is_linear(anatomy: Anatomy) -> bool:
    """Whether a function of the file builds a table that is, for every head, a slope times the key's position.

    It must be the one that the model calls, by itself or through a method that only hands on.
    """
    called = {
        ast.unparse(node.func).removeprefix("self.")
        for node in ast.walk(anatomy.model.forward)
        if isinstance(node, ast.Call)
    }
    for name, function in anatomy.file.functions.items():
        if name in called and _multiplies_positions(function):
            method = anatomy.model.cls.methods.get(name)
            return method is None or ast.unparse(method.body[-1]).startswith(f"return {name}(")
    return False


def _multiplies_positions(function: ast.FunctionDef) -> bool:
    returned = re.fullmatch(r"return (\w+)(\.squeeze\(0\))?", ast.unparse(function.body[-1]))
    if returned is None:
        return False
    table = returned.group(1)
    uses = [
        ast.unparse(item)
        for item in function.body[:-1]
        if any(isinstance(node, ast.Name) and node.id == table for node in ast.walk(item))
    ]
    return (
        len(uses) == 2
        and re.fullmatch(rf"{table} = {TABLE_START}", uses[0]) is not None
        and re.fullmatch(rf"{table} = {table} \* \w+", uses[1]) is not None
    )
