"""Bounds on one side. The exporter writes Clip, and ONNX Runtime's Clip with one bound makes infinity finite."""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper, symbolic_opset11

from qeff_codegen.export.translations.making_nodes import of_type, result_dtype, typed


def _clamp(graph: Any, value: Any, least: Any, most: Any) -> Any:
    if symbolic_helper._is_none(most):
        return _clamp_min(graph, value, least)
    if symbolic_helper._is_none(least):
        return _clamp_max(graph, value, most)
    return symbolic_opset11.clamp(graph, value, least, most)


def _clamp_min(graph: Any, value: Any, least: Any) -> Any:
    return _bound(graph, "Max", value, least)


def _clamp_max(graph: Any, value: Any, most: Any) -> Any:
    return _bound(graph, "Min", value, most)


def _bound(graph: Any, operator: str, value: Any, bound: Any) -> Any:
    dtype: torch.dtype = result_dtype(graph)
    return typed(graph, graph.op(operator, of_type(graph, value, dtype), of_type(graph, bound, dtype)))


TRANSLATIONS = {"aten::clamp": _clamp, "aten::clamp_min": _clamp_min, "aten::clamp_max": _clamp_max}
