"""Division that rounds down, and shifts to the right, which are such divisions.

The exporter divides and cuts off what is behind the point, so -7 // 2 becomes -3. For `rounding_mode="floor"` of
floats it rounds the quotient down, which is not what PyTorch does either: 1.0 // 0.1 is 9, as 1.0 is a little less
than ten times the float that 0.1 is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper, symbolic_opset10

from qeff_codegen.export.translations.making_nodes import number, of_type, result_dtype


def _floor_divide(graph: Any, value: Any, divisor: Any) -> Any:
    dtype = result_dtype(graph)
    return _floored(graph, of_type(graph, value, dtype), of_type(graph, divisor, dtype), dtype)


def _floored(graph: Any, value: Any, divisor: Any, dtype: torch.dtype) -> Any:
    if not dtype.is_floating_point:
        rest = graph.op("Mod", value, divisor, fmod_i=0)
        return graph.op("Div", graph.op("Sub", value, rest), divisor)
    zero = number(graph, 0.0, dtype)
    rest = graph.op("Mod", value, divisor, fmod_i=1)
    quotient = graph.op("Div", graph.op("Sub", value, rest), divisor)
    has_rest = graph.op("Not", graph.op("Equal", rest, zero))
    signs_differ = graph.op("Xor", graph.op("Less", rest, zero), graph.op("Less", divisor, zero))
    one_less = of_type(graph, graph.op("And", has_rest, signs_differ), dtype)
    whole = graph.op("Round", graph.op("Sub", quotient, one_less))
    return graph.op("Where", graph.op("Equal", divisor, zero), graph.op("Div", value, divisor), whole)


def _div(graph: Any, value: Any, divisor: Any, *rounding: Any) -> Any:
    """`torch.div`, with its rounding mode as another argument where it is given."""
    mode = symbolic_helper._get_const(rounding[0], "s", "rounding_mode") if rounding else None
    if mode == "floor":
        return _floor_divide(graph, value, divisor)
    return symbolic_opset10.div(graph, value, divisor, *rounding)


def _right_shift(graph: Any, value: Any, bits: Any) -> Any:
    dtype = result_dtype(graph)
    power = graph.op("Pow", number(graph, 2, dtype), of_type(graph, bits, dtype))
    return _floored(graph, of_type(graph, value, dtype), power, dtype)


TRANSLATIONS = {
    "aten::floor_divide": _floor_divide,
    "aten::div": _div,
    # The exporter takes a name's last underscore off: it stands for an operator in place.
    "aten::__rshift_": _right_shift,
    "aten::bitwise_right_shift": _right_shift,
}
