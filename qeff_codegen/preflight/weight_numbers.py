"""The numbers of a graph's weights, of which no more are in memory than of one tensor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir

# Of float32 numbers, 16 MiB.
_BLOCK = 2**22


def numbers_of(tensor: onnx_ir.TensorProtocol) -> np.ndarray:
    """A tensor's numbers; those in a file of weights are mapped for this array alone, and go with it."""
    if isinstance(tensor, onnx_ir.ExternalTensor):
        tensor = onnx_ir.ExternalTensor(
            tensor.location,
            tensor.offset,
            tensor.length,
            tensor.dtype,
            shape=onnx_ir.Shape(tensor.shape),
            name=tensor.name or "",
            base_dir=tensor.base_dir,
        )
    return tensor.numpy()


def in_blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """All numbers, a part at a time, for who computes something as large from each part."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK]
