"""PyTorch operators in other ONNX operators than the exporter's choice: those that exports for the device have.

The compiler has no operator list without an SDK; what is known to be in its graphs stands in
qeff_codegen/preflight/known_operators.json. Where an operator outside it is equal to some inside, those are written.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper

from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET

# Of softplus: above it, float32 cannot tell the function from its argument.
_USUAL_THRESHOLD = 20.0


def register_known_spellings() -> None:
    """Teach the TorchScript exporter these spellings; a second time changes nothing."""
    torch.onnx.register_custom_op_symbolic("aten::abs", _abs, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::linalg_vector_norm", _vector_norm, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::relu", _relu, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::softplus", _softplus, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::tril", _tril, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::triu", _triu, ONNX_EXPORT_OPSET)


def _abs(graph: Any, value: Any) -> Any:
    """The larger of `x` and `-x`, not Abs."""
    return graph.op("Max", value, graph.op("Neg", value)).setType(value.type())


def _relu(graph: Any, value: Any) -> Any:
    """The larger of `x` and 0, not Relu."""
    return graph.op("Max", value, _number(graph, 0.0, value)).setType(value.type())


def _softplus(graph: Any, value: Any, beta: Any, threshold: Any) -> Any:
    """`log(1 + exp(x * beta)) / beta`, not Softplus; as `max(x, 0) + log(1 + exp(-|x|))`, which no `x` overflows.

    PyTorch gives `x` itself above its threshold. At the usual one, 20, they differ by less than float32 can tell; at a
    lower one they do.
    """
    scale = symbolic_helper._get_const(beta, "f", "beta")
    scaled = value if scale == 1.0 else graph.op("Mul", value, _number(graph, scale, value))
    powers = graph.op("Exp", graph.op("Min", scaled, graph.op("Neg", scaled)))
    rest = graph.op("Log", graph.op("Add", powers, _number(graph, 1.0, value)))
    result = graph.op("Add", graph.op("Max", scaled, _number(graph, 0.0, value)), rest)
    result = result if scale == 1.0 else graph.op("Div", result, _number(graph, scale, value))
    limit = symbolic_helper._get_const(threshold, "f", "threshold")
    if limit < _USUAL_THRESHOLD:
        result = graph.op("Where", graph.op("Greater", scaled, _number(graph, limit, value)), value, result)
    return result.setType(value.type())


def _tril(graph: Any, value: Any, diagonal: Any) -> Any:
    """What stands on and below a diagonal, not Trilu: a row's number, and the diagonal's, are its column's or more."""
    rows, columns = _row_and_column_numbers(graph, value)
    return _where(graph, graph.op("GreaterOrEqual", graph.op("Add", rows, diagonal), columns), value)


def _triu(graph: Any, value: Any, diagonal: Any) -> Any:
    """What stands on and above a diagonal, not Trilu."""
    rows, columns = _row_and_column_numbers(graph, value)
    return _where(graph, graph.op("LessOrEqual", graph.op("Add", rows, diagonal), columns), value)


def _row_and_column_numbers(graph: Any, value: Any) -> tuple[Any, Any]:
    """`[rows, 1]` and `[columns]` of a tensor's last two axes."""
    zero, one = (graph.op("Constant", value_t=torch.tensor(number)) for number in (0, 1))
    shape = graph.op("Shape", value)
    rows, columns = (
        graph.op("Range", zero, graph.op("Gather", shape, graph.op("Constant", value_t=torch.tensor(axis))), one)
        for axis in (-2, -1)
    )
    return graph.op("Unsqueeze", rows, graph.op("Constant", value_t=torch.tensor([1]))), columns


def _where(graph: Any, keep: Any, value: Any) -> Any:
    """`value` where `keep` is true, and zero, or false, elsewhere."""
    if symbolic_helper._type_utils.JitScalarType.from_value(value).dtype() == torch.bool:
        return graph.op("And", value, keep).setType(value.type())
    return graph.op("Where", keep, value, _number(graph, 0.0, value)).setType(value.type())


def _vector_norm(graph: Any, value: Any, order: Any, dim: Any, keepdim: Any, dtype: Any) -> Any:
    """Over given axes: of order 1 the sum of absolute values, not ReduceL1; of order 2 the root of the sum of squares.

    Squares are summed up in float32, as PyTorch does; ReduceL2 is not known. Other orders are the exporter's.
    """
    power = symbolic_helper._get_const(order, "f", "ord")
    keep = symbolic_helper._get_const(keepdim, "b", "keepdim")
    axes = None if symbolic_helper._is_none(dim) else symbolic_helper._get_const(dim, "is", "dim")
    if power not in (1.0, 2.0) or not axes or not symbolic_helper._is_none(dtype):
        return symbolic_helper._linalg_vector_norm_helper(graph, value, power, axes, keep, dtype)
    summed = graph.op("Constant", value_t=torch.tensor(list(axes), dtype=torch.int64))
    if power == 1.0:
        return graph.op("ReduceSum", _abs(graph, value), summed, keepdims_i=int(keep))
    kind = symbolic_helper._type_utils.JitScalarType.from_value(value)
    is_half = kind.dtype() == torch.float16
    wide = graph.op("Cast", value, to_i=_onnx_type(torch.float32)) if is_half else value
    root = graph.op("Sqrt", graph.op("ReduceSum", graph.op("Mul", wide, wide), summed, keepdims_i=int(keep)))
    return graph.op("Cast", root, to_i=kind.onnx_type()) if is_half else root


def _onnx_type(dtype: torch.dtype) -> Any:
    return symbolic_helper._type_utils.JitScalarType.from_dtype(dtype).onnx_type()


def _number(graph: Any, number: float, like: Any) -> Any:
    """A constant of the type of `like`, whose type tracing knows."""
    dtype = symbolic_helper._type_utils.JitScalarType.from_value(like).dtype()
    return graph.op("Constant", value_t=torch.tensor(number, dtype=dtype))
