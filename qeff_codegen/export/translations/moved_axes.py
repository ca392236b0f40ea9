"""Axes that change places, and what is rolled along one.

The exporter writes a dimension that is counted from the end into the graph as it is, which ONNX does not know, and
rolls by less than a length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.onnx import symbolic_helper

from qeff_codegen.export.translations.making_nodes import integers, number, rank_of, size, typed


def _permute(graph: Any, value: Any, dims: Any) -> Any:
    rank = rank_of(value)
    order = [axis % rank for axis in symbolic_helper._get_const(dims, "is", "dims")]
    if order == list(range(rank)):
        return value
    return typed(graph, graph.op("Transpose", value, perm_i=order))


def _movedim(graph: Any, value: Any, source: Any, destination: Any) -> Any:
    rank = rank_of(value)
    sources, destinations = (
        [axis % rank for axis in _list(symbolic_helper._get_const(each, "t", "dims"))]
        for each in (source, destination)
    )
    order = [axis for axis in range(rank) if axis not in sources]
    for there, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(there, axis)
    return typed(graph, graph.op("Transpose", value, perm_i=order))


def _transposed_matrices(graph: Any, value: Any) -> Any:
    rank = rank_of(value)
    order = [*range(rank - 2), rank - 1, rank - 2]
    return typed(graph, graph.op("Transpose", value, perm_i=order))


def _roll(graph: Any, value: Any, shifts: Any, dims: Any) -> Any:
    rank = rank_of(value)
    lengths = symbolic_helper._get_const(shifts, "is", "shifts")
    axes = symbolic_helper._get_const(dims, "is", "dims")
    if len(lengths) != len(axes):
        return symbolic_helper._unimplemented("aten::roll", "of all axes as one", value)
    result = value
    for shift, axis in zip(lengths, axes, strict=True):
        length = graph.op("Squeeze", size(graph, value, axis % rank), integers(graph, [0]))
        start, step = (number(graph, each, torch.int64) for each in (0, 1))
        places = graph.op("Range", start, length, step)
        moved = graph.op("Mod", graph.op("Sub", places, number(graph, shift, torch.int64)), length, fmod_i=0)
        result = graph.op("Gather", result, moved, axis_i=axis % rank)
    return typed(graph, result)


def _list(axes: torch.Tensor) -> Sequence[int]:
    """One axis or several."""
    listed: list[int] = axes.flatten().tolist()
    return listed


TRANSLATIONS = {
    "aten::permute": _permute,
    "aten::movedim": _movedim,
    "aten::mT": _transposed_matrices,
    "aten::roll": _roll,
}
