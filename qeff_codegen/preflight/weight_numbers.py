"""The numbers of a graph's weights, of which no more are in memory than of one tensor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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


def in_blocks(tensor: onnx_ir.TensorProtocol) -> Iterator[np.ndarray]:
    """All numbers, flat and a part at a time; those in a file are read, which costs less than to map them."""
    if not isinstance(tensor, onnx_ir.ExternalTensor):
        flat = tensor.numpy().reshape(-1)
        for start in range(0, flat.size, _BLOCK):
            yield flat[start : start + _BLOCK]
        return
    with Path(tensor.path).open("rb") as file:
        file.seek(tensor.offset or 0)
        for start in range(0, tensor.size, _BLOCK):
            yield np.fromfile(file, tensor.dtype.numpy(), min(_BLOCK, tensor.size - start))
