"""What translations are written with: constants, types and shapes of what the exporter is translating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.onnx import symbolic_helper

_Types = symbolic_helper._type_utils.JitScalarType


def dtype_of(value: Any) -> torch.dtype:
    """The type of a traced tensor, which is always known."""
    found: torch.dtype = _Types.from_value(value).dtype()
    return found


def result_dtype(graph: Any) -> torch.dtype:
    """The type that PyTorch gave the result of what is being translated."""
    return dtype_of(graph.original_node.output())


def rank_of(value: Any) -> int:
    """How many axes a traced tensor has."""
    rank = symbolic_helper._get_tensor_rank(value)
    assert rank is not None, "the rank of a traced tensor is known"
    return int(rank)


def integers(graph: Any, values: Sequence[int]) -> Any:
    """A list of numbers, such as axes or a shape."""
    return graph.op("Constant", value_t=torch.tensor(list(values), dtype=torch.int64))


def number(graph: Any, value: float, dtype: torch.dtype) -> Any:
    """A number without axes."""
    return graph.op("Constant", value_t=torch.tensor(value, dtype=dtype))


def cast(graph: Any, value: Any, dtype: torch.dtype) -> Any:
    """`value` in another type."""
    return graph.op("Cast", value, to_i=_Types.from_dtype(dtype).onnx_type())


def of_type(graph: Any, value: Any, dtype: torch.dtype) -> Any:
    """`value`, cast where it has another type."""
    return value if dtype_of(value) == dtype else cast(graph, value, dtype)


def size(graph: Any, value: Any, axis: int) -> Any:
    """The length of an axis, a list of one."""
    return graph.op("Gather", graph.op("Shape", value), integers(graph, [axis]), axis_i=0)


def typed(graph: Any, result: Any) -> Any:
    """`result` with the type and the axes that PyTorch's result has; the lengths are left open."""
    traced = graph.original_node.output().type()
    return result.setType(traced.with_sizes([None] * traced.dim()))
