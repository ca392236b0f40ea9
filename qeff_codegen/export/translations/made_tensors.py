"""Tensors made of one number, or of numbers at equal distances: of PyTorch's type, and of one step too."""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper

from qeff_codegen.export.translations.making_nodes import integers, number, of_type, result_dtype, typed


def _full(graph: Any, sizes: Any, value: Any, *others: Any) -> Any:
    """A tensor of one number: of integers where the number is one, of floats where it is a float."""
    dtype = result_dtype(graph)
    if isinstance(known := symbolic_helper._maybe_get_const(value, "t"), torch.Tensor):
        fixed = symbolic_helper._maybe_get_const(sizes, "is")
        shape = integers(graph, []) if isinstance(fixed, list) and not fixed else sizes
        return graph.op("ConstantOfShape", shape, value_t=known.view(1).to(dtype))
    return graph.op("Expand", of_type(graph, value, dtype), sizes)


def _linspace(graph: Any, start: Any, end: Any, steps: Any, *others: Any) -> Any:
    """Numbers at equal distances; of a single one the distance is none, where the exporter divides by zero."""
    dtype = result_dtype(graph)
    start, end, count = (of_type(graph, each, dtype) for each in (start, end, steps))
    zero, one = number(graph, 0, dtype), number(graph, 1, dtype)
    between = graph.op("Max", graph.op("Sub", count, one), one)
    distance = graph.op("Div", graph.op("Sub", end, start), between)
    places = graph.op("Range", zero, count, one)
    # From the nearer end, as PyTorch does: the last number is the end itself.
    from_start = graph.op("Add", start, graph.op("Mul", distance, places))
    from_end = graph.op("Sub", end, graph.op("Mul", distance, graph.op("Sub", graph.op("Sub", count, one), places)))
    first_half = graph.op("Less", places, graph.op("Div", count, number(graph, 2, dtype)))
    return typed(graph, graph.op("Where", first_half, from_start, from_end))


TRANSLATIONS = {"aten::full": _full, "aten::linspace": _linspace}
