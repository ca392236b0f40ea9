"""PyTorch operators that the exporter cannot translate at our opset, or translates wrongly, from those it can."""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper

from qeff_codegen.export.known_spellings import register_known_spellings
from qeff_codegen.export.translations.all_of_them import TRANSLATIONS
from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET


def register_missing_operators() -> None:
    """Teach the TorchScript exporter these operators, and known spellings; a second time changes nothing."""
    register_known_spellings()
    torch.onnx.register_custom_op_symbolic("aten::expm1", _expm1, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::logsumexp", _logsumexp, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::repeat_interleave", _repeat_interleave, ONNX_EXPORT_OPSET)
    torch.onnx.register_custom_op_symbolic("aten::rms_norm", _rms_norm, ONNX_EXPORT_OPSET)
    for name, translation in TRANSLATIONS.items():
        torch.onnx.register_custom_op_symbolic(name, translation, ONNX_EXPORT_OPSET)


def _expm1(graph: Any, value: Any) -> Any:
    """`exp(x) - 1`. Near zero it keeps float32's absolute precision, not the relative one that PyTorch's has."""
    one = _cast(graph, graph.op("Constant", value_t=torch.tensor(1.0)), _dtype(value))
    return graph.op("Sub", graph.op("Exp", value), one).setType(value.type())


def _logsumexp(graph: Any, value: Any, dim: Any, keepdim: Any) -> Any:
    """`log(sum(exp(x)))`, of operators that exports for the device have: theirs have no ReduceLogSumExp."""
    axes = list(symbolic_helper._get_const(dim, "is", "dim"))
    dtype = symbolic_helper._type_utils.JitScalarType.from_value(value).dtype()
    # Where everything is minus infinity, no difference of infinities.
    least = graph.op("Constant", value_t=torch.tensor(torch.finfo(dtype).min, dtype=dtype))
    largest = graph.op("Max", graph.op("ReduceMax", value, axes_i=axes, keepdims_i=1), least)
    powers = graph.op("Exp", graph.op("Sub", value, largest))
    total = graph.op("ReduceSum", powers, _constant(graph, axes), keepdims_i=1)
    result = graph.op("Add", graph.op("Log", total), largest)
    rank = symbolic_helper._get_tensor_rank(value)
    assert rank is not None, "the rank of a traced tensor is known"
    if symbolic_helper._get_const(keepdim, "i", "keepdim"):
        return result.setType(value.type().with_sizes([None] * rank))
    squeezed = graph.op("Squeeze", result, _constant(graph, axes))
    return squeezed.setType(value.type().with_sizes([None] * (rank - len(axes))))


def _repeat_interleave(graph: Any, value: Any, repeats: Any, dim: Any, output_size: Any = None) -> Any:
    """Every element along `dim` the same number of times.

    The exporter's own translation turns a negative `dim` positive in place, and with it every other constant of the
    same value in the graph: the -1 of a reshape becomes another size.
    """
    count = int(symbolic_helper._get_const(repeats, "t", "repeats"))
    axis = int(symbolic_helper._get_const(dim, "i", "dim"))
    rank = symbolic_helper._get_tensor_rank(value)
    assert rank is not None, "the rank of a traced tensor is known"
    axis = axis + rank if axis < 0 else axis
    each = [1] * rank
    each[axis] = count
    shape = graph.op("Mul", graph.op("Shape", value), _constant(graph, each))
    tiled = graph.op(
        "Tile",
        graph.op("Unsqueeze", value, _constant(graph, [axis + 1])),
        _constant(graph, [1] * (axis + 1) + [count] + [1] * (rank - axis - 1)),
    )
    # What follows asks for the rank, which the exporter does not infer through the computed shape.
    return graph.op("Reshape", tiled, shape).setType(value.type().with_sizes([None] * rank))


def _rms_norm(graph: Any, value: Any, normalized_shape: Any, weight: Any, eps: Any) -> Any:
    """`value / rms(value) * weight` over the last axes, computed in float32 at least, as PyTorch does.

    Without an epsilon PyTorch takes the machine epsilon of the type it computes in, not of the value's own.
    """
    computed_in = torch.float64 if _dtype(value) == torch.float64 else torch.float32
    epsilon = symbolic_helper._get_const(eps, "f", "eps")
    if epsilon is None:
        epsilon = torch.finfo(computed_in).eps
    count = len(symbolic_helper._get_const(normalized_shape, "is", "normalized_shape"))
    cast = _cast(graph, value, computed_in)
    mean = graph.op("ReduceMean", graph.op("Mul", cast, cast), axes_i=list(range(-count, 0)), keepdims_i=1)
    shifted = graph.op("Add", mean, graph.op("Constant", value_t=torch.tensor(epsilon, dtype=computed_in)))
    normed = graph.op("Div", cast, graph.op("Sqrt", shifted))
    if not symbolic_helper._is_none(weight):
        normed = graph.op("Mul", normed, _cast(graph, weight, computed_in))
    return _cast(graph, normed, _dtype(value)).setType(value.type())


def _constant(graph: Any, values: list[int]) -> Any:
    return graph.op("Constant", value_t=torch.tensor(values, dtype=torch.int64))


def _dtype(value: Any) -> torch.dtype:
    """The type of a traced tensor, which is always known."""
    return symbolic_helper._type_utils.JitScalarType.from_value(value).dtype()


def _cast(graph: Any, value: Any, dtype: torch.dtype) -> Any:
    return graph.op("Cast", value, to_i=symbolic_helper._type_utils.JitScalarType.from_dtype(dtype).onnx_type())
