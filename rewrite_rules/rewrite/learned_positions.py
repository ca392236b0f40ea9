"""Look learned positions up by indexing the table, so that pads do not fall off it.

A pad's position is -1. `nn.Embedding` refuses a negative index in PyTorch; indexing its weight takes the last row, as
ONNX's Gather does, and a pad's result is never used.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import modules_made_by, source


class LearnedPositions(Rule):
    why = "A pad's position is -1: indexing the table accepts it, calling the embedding does not."
    roles = (Role.MODEL, Role.EMBEDDINGS)
    words = ("position_ids)",)
    construct = "`self.<embedding>(position_ids)` where `__init__` sets it to an nn.Embedding"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        owner = anatomy.file.classes[function.owner or ""]
        indexer = _Index(modules_made_by(owner, "Embedding"))
        node = cst.ensure_type(function.node.visit(indexer), cst.FunctionDef)
        return (node, indexer.count) if indexer.count else (function.node, 0)


class _Index(cst.CSTTransformer):
    def __init__(self, tables: frozenset[str]) -> None:
        self.tables = tables
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        function = source(updated_node.func)
        arguments = [source(item.value) for item in updated_node.args]
        if function in self.tables and arguments == ["position_ids"]:
            self.count += 1
            return cst.parse_expression(f"{function}.weight[position_ids]")
        return updated_node
