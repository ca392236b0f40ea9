"""Operators that look at numbers of another type than they were given, or give another type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.onnx import symbolic_helper

from qeff_codegen.export.translations.making_nodes import (
    cast,
    dtype_of,
    integers,
    number,
    of_type,
    result_dtype,
    typed,
)


def _any(graph: Any, value: Any, *over: Any) -> Any:
    """Whether a number is not zero. The exporter asks whether the sum is above zero, cut to whole numbers."""
    return typed(graph, _some(graph, of_type(graph, value, torch.bool), over))


def _all(graph: Any, value: Any, *over: Any) -> Any:
    """Whether no number is zero. The exporter has this for booleans alone."""
    is_zero = graph.op("Not", of_type(graph, value, torch.bool))
    return typed(graph, graph.op("Not", _some(graph, is_zero, over)))


def _some(graph: Any, value: Any, over: tuple[Any, ...]) -> Any:
    """Whether one of some booleans is true; `over` are the axis or axes and whether they stay, if not all of them."""
    counts = cast(graph, value, torch.int64)
    if not over:
        count = graph.op("ReduceSum", counts, keepdims_i=0)
    else:
        axes = symbolic_helper._maybe_get_const(over[0], "t")
        kept = int(symbolic_helper._get_const(over[1], "b", "keepdim"))
        listed = (
            axes.flatten().tolist() if isinstance(axes, torch.Tensor) else symbolic_helper._parse_arg(over[0], "is")
        )
        count = graph.op("ReduceSum", counts, integers(graph, listed), keepdims_i=kept)
    return graph.op("Greater", count, number(graph, 0, torch.int64))


def _cumsum(graph: Any, value: Any, dim: Any, dtype: Any = None) -> Any:
    """A running sum, in integers of 64 bits where it is of smaller ones or of booleans."""
    summed = result_dtype(graph)
    if dtype_of(value) != summed:
        value = cast(graph, value, summed)
    axis = number(graph, int(symbolic_helper._get_const(dim, "i", "dim")), torch.int64)
    return typed(graph, graph.op("CumSum", value, axis))


def _log10(graph: Any, value: Any) -> Any:
    """A logarithm. The exporter's has an axis more where the number has none."""
    return typed(graph, graph.op("Div", graph.op("Log", value), number(graph, 2.302585092994046, dtype_of(value))))


TRANSLATIONS: dict[str, Callable[..., Any]] = {
    "aten::any": _any,
    "aten::all": _all,
    "aten::cumsum": _cumsum,
    "aten::log10": _log10,
}
