"""No module of the model decides by the values of tensors what it runs.

A traced graph keeps the path that the example inputs took. Loops over the experts that were hit, sizes read from
values and state kept on `self` between calls would be frozen into it without any error.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.codemod.tree import find, line_of, spelled, walk
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

VALUE_READS = {"item", "tolist", "nonzero", "unique", "bincount", "histc"}


class StaticControlFlow(Check):
    promise = "No module decides by the values of tensors what it runs, and none keeps state between calls."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found = [
            Broken(problem, generated=line_of(node, function))
            for name, function in module.functions
            for node in walk(function)
            if (problem := _problem(name, node))
        ]
        found += [
            Broken(f"`{name}` takes rows by value: `{spelled(node)}`", node.lineno)
            for name, function in module.staying_functions
            for node in _rows_by_value(function)
        ]
        found += [
            Broken(problem, line_of(node, function))
            for name, function in module.staying_functions
            for node in walk(function)
            if (problem := _problem(name, node)) and not _makes_table(module, name, function, node)
        ]
        return found


def _problem(name: str, node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        chosen_by_value = spelled(node.func) == "torch.where" and len(node.args) == 1
        if node.func.attr in VALUE_READS or chosen_by_value:
            return f"`{name}` decides by values: `{spelled(node)}`"
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Compare):
        return f"`{name}` keeps as many rows as values say: `{spelled(node)}`"
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and spelled(node.value) == "self":
        return f"`{name}` keeps state between calls: `{spelled(node)}`"
    return ""


def _rows_by_value(function: ast.FunctionDef) -> list[ast.Subscript]:
    """Where rows are read by a local that is a comparison: how many there are depends on values."""
    compared = {spelled(node.targets[0]) for node in find(ast.Assign, function) if isinstance(node.value, ast.Compare)}
    return [
        node
        for node in find(ast.Subscript, function)
        if isinstance(node.ctx, ast.Load) and spelled(node.slice) in compared
    ]


def _makes_table(module: FinishedModule, name: str, function: ast.FunctionDef, node: ast.AST) -> bool:
    """Whether a method registers a buffer that `__init__` has made by the same method: a table, made longer."""
    owner, _, method = name.rpartition(".")
    initializer = module.anatomy.file.classes[owner].methods.get("__init__") if owner else None
    called = {spelled(call.func) for call in find(ast.Call, initializer)}
    registered = {f"self.{buffer.name}" for buffer in buffers_of(function)}
    return f"self.{method}" in called and isinstance(node, ast.Attribute) and spelled(node) in registered
