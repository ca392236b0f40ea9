"""Products of matrices, where a vector or a factor of 0 takes part."""

from __future__ import annotations

from typing import Any

from torch.onnx import symbolic_helper, symbolic_opset9

from qeff_codegen.export.translations.making_nodes import integers, number, rank_of, result_dtype, typed


def _matmul(graph: Any, left: Any, right: Any) -> Any:
    """A product. ONNX Runtime joins a transposed matrix and a product with a vector into one that is wrong."""
    ranks = rank_of(left), rank_of(right)
    if 1 not in ranks or ranks == (1, 1):
        return symbolic_opset9.matmul(graph, left, right)
    vector, axis = (left, -2) if ranks[0] == 1 else (right, -1)
    matrix = graph.op("Unsqueeze", vector, integers(graph, [0 if ranks[0] == 1 else 1]))
    pair = (matrix, right) if ranks[0] == 1 else (left, matrix)
    return typed(graph, graph.op("Squeeze", graph.op("MatMul", *pair), integers(graph, [axis])))


def _baddbmm(graph: Any, value: Any, left: Any, right: Any, beta: Any, alpha: Any) -> Any:
    """A sum with a product. With a factor of 0, what is added is not looked at: it may be anything."""
    if symbolic_helper._get_const(beta, "f", "beta") != 0:
        return symbolic_opset9.baddbmm(graph, value, left, right, beta, alpha)
    factor = number(graph, symbolic_helper._get_const(alpha, "f", "alpha"), result_dtype(graph))
    return typed(graph, graph.op("Mul", graph.op("MatMul", left, right), factor))


TRANSLATIONS = {"aten::matmul": _matmul, "aten::mv": _matmul, "aten::baddbmm": _baddbmm}
