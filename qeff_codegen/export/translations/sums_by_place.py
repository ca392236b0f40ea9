"""Sums of rows that are put to places, where a place may be named more than once.

The exporter adds each row to what was there before, so that of the rows of one place only the last is left.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper, symbolic_opset11

from qeff_codegen.export.translations.making_nodes import dtype_of, integers, number, of_type, rank_of, typed


def _index_add(graph: Any, value: Any, dim: Any, index: Any, source: Any, alpha: Any = None) -> Any:
    rank = rank_of(value)
    axis = int(symbolic_helper._get_const(dim, "i", "dim")) % rank
    factor = 1 if alpha is None else symbolic_helper._get_const(alpha, "f", "alpha")
    if factor != 1:
        source = graph.op("Mul", source, number(graph, factor, dtype_of(source)))
    others = [each for each in range(rank) if each != axis]
    places = of_type(graph, index, torch.int64)
    if others:
        places = graph.op("Unsqueeze", places, integers(graph, others))
    places = graph.op("Expand", places, graph.op("Shape", source))
    return typed(graph, graph.op("ScatterElements", value, places, source, axis_i=axis, reduction_s="add"))


def _index_put(graph: Any, value: Any, index: Any, values: Any, accumulate: Any = None) -> Any:
    adds = accumulate is not None and symbolic_helper._parse_arg(accumulate, "b")
    packed = symbolic_helper._is_packed_list(index)
    places = symbolic_helper._unpack_list(index) if packed else [index]
    is_mask = len(places) == 1 and dtype_of(places[0]) == torch.bool
    if not adds:
        if is_mask and rank_of(values) == 0:
            return _filled(graph, value, places[0], values)
        return symbolic_opset11.index_put(graph, value, index, values, accumulate)
    if any(symbolic_helper._is_none(place) or dtype_of(place) == torch.bool for place in places):
        return symbolic_helper._unimplemented("aten::index_put", "a sum at places that are a mask or a slice", value)
    shape = graph.op("Shape", places[0])
    if len(places) > 1:
        broadcast = places[0]
        for place in places[1:]:
            broadcast = graph.op("Add", broadcast, place)
        shape = graph.op("Shape", broadcast)
    last = integers(graph, [-1])
    columns = [graph.op("Unsqueeze", graph.op("Expand", place, shape), last) for place in places]
    rest = graph.op(
        "Slice", graph.op("Shape", value), integers(graph, [len(places)]), integers(graph, [rank_of(value)])
    )
    rows = graph.op("Expand", values, graph.op("Concat", shape, rest, axis_i=0))
    where = columns[0] if len(columns) == 1 else graph.op("Concat", *columns, axis_i=-1)
    return typed(graph, graph.op("ScatterND", value, where, rows, reduction_s="add"))


def _filled(graph: Any, value: Any, mask: Any, number_: Any) -> Any:
    """One number where a mask says so. The mask's axes are the first ones; the exporter takes them for the last."""
    missing = list(range(rank_of(mask), rank_of(value)))
    if missing:
        mask = graph.op("Unsqueeze", mask, integers(graph, missing))
    return typed(graph, graph.op("Where", mask, of_type(graph, number_, dtype_of(value)), value))


TRANSLATIONS = {"aten::index_add": _index_add, "aten::index_put": _index_put}
