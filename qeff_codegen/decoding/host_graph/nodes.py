"""What a value was made by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir
from onnx_ir.convenience import get_const_tensor

# In a graph of one float type.
_CHANGE_NOTHING = ("Cast", "Identity")


def maker(value: onnx_ir.Value | None, *op_types: str) -> onnx_ir.Node | None:
    """The node that made the value, if it is of one of these operators."""
    node = None if value is None else value.producer()
    return node if node is not None and node.op_type in op_types else None


def behind(value: onnx_ir.Value, *op_types: str) -> onnx_ir.Value:
    """What went into a chain of nodes of these operators that ends in `value`, each by its first input."""
    while (node := maker(value, *op_types)) is not None and node.inputs[0] is not None:
        value = node.inputs[0]
    return value


def behind_casts(value: onnx_ir.Value) -> onnx_ir.Value:
    """The same without casts and the like."""
    return behind(value, *_CHANGE_NOTHING)


def constant(value: onnx_ir.Value | None) -> np.ndarray | None:
    """The value's numbers, if it is a constant; weights are not read."""
    tensor = None if value is None else get_const_tensor(value)
    return None if tensor is None or tensor.size > 64 else tensor.numpy()


def is_number(value: onnx_ir.Value | None, number: float) -> bool:
    """Whether the value is one number, and that."""
    found = constant(value)
    return found is not None and found.size == 1 and bool(found.item() == number)


def integers(value: onnx_ir.Value | None) -> list[int] | None:
    """The value's integers, if it is a constant."""
    found = constant(value)
    return None if found is None else [int(item) for item in found.reshape(-1)]


def either_order(node: onnx_ir.Node) -> Iterator[tuple[onnx_ir.Value, onnx_ir.Value]]:
    """A node's two inputs, as they come and the other way round."""
    first, second = node.inputs
    assert first is not None and second is not None
    yield first, second
    yield second, first
