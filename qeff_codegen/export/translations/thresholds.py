"""Activations that are another function beyond a threshold, or that lose a large negative number."""

from __future__ import annotations

from typing import Any

from torch.onnx import symbolic_helper

from qeff_codegen.export.translations.making_nodes import dtype_of, number, typed


def _log_sigmoid(graph: Any, value: Any) -> Any:
    """`min(x, 0) - log(1 + exp(-|x|))`. The exporter's logarithm of a sigmoid is minus infinity below -104."""
    dtype = dtype_of(value)
    least = graph.op("Min", value, graph.op("Neg", value))
    rest = graph.op("Log", graph.op("Add", graph.op("Exp", least), number(graph, 1.0, dtype)))
    return typed(graph, graph.op("Sub", graph.op("Min", value, number(graph, 0.0, dtype)), rest))


def _threshold(graph: Any, value: Any, threshold: Any, below: Any) -> Any:
    """The number where it is above the threshold, else another one."""
    dtype = dtype_of(value)
    bound, other = (
        number(graph, symbolic_helper._get_const(each, "f", "number"), dtype) for each in (threshold, below)
    )
    return typed(graph, graph.op("Where", graph.op("Greater", value, bound), value, other))


TRANSLATIONS = {"aten::log_sigmoid": _log_sigmoid, "aten::threshold": _threshold}
