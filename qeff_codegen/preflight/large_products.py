"""Products with a matrix of weights that is too large to be held, computed from a few of its rows at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx.external_data_helper import ExternalDataInfo

# Rows that are held at once, in float32.
_BLOCK_BYTES = 64 * 2**20
FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Product:
    """`MatMul` of a tensor and a matrix of weights, as it is stored or transposed.

    Attributes:
        factor: the tensor's name.
        matrix: the weights, in a file of their own.
        transpose: the place of the node that transposes it; None where none does.
        result: the name of the product.
    """

    factor: str
    matrix: onnx.TensorProto
    transpose: int | None
    result: str

    def computed(self, factors: Sequence[np.ndarray], folder: Path) -> list[np.ndarray]:
        """The product with each of several tensors, in their type; sums are float32, as ONNX Runtime's on a CPU."""
        stored = ExternalDataInfo(self.matrix)
        rows, columns = self.matrix.dims
        dtype = onnx.helper.tensor_dtype_to_np_dtype(self.matrix.data_type)
        wide = [factor.reshape(-1, factor.shape[-1]).astype(np.float32) for factor in factors]
        length = columns if self.transpose is None else rows
        results = [np.zeros((len(each), length), np.float32) for each in wide]
        step = max(1, _BLOCK_BYTES // (columns * FLOAT32_BYTES))
        with (folder / stored.location).open("rb") as file:
            file.seek(stored.offset or 0)
            for start in range(0, rows, step):
                end = min(start + step, rows)
                block = np.fromfile(file, dtype, (end - start) * columns).reshape(-1, columns).astype(np.float32)
                for factor, result in zip(wide, results, strict=True):
                    if self.transpose is None:
                        result += factor[:, start:end] @ block
                    else:
                        result[:, start:end] = factor @ block.T
        return [
            result.astype(factor.dtype).reshape(*factor.shape[:-1], length)
            for factor, result in zip(factors, results, strict=True)
        ]


def products_in(
    nodes: Sequence[onnx.NodeProto], large: Mapping[str, onnx.TensorProto], uses: Mapping[str, int]
) -> dict[int, Product]:
    """The products with a large matrix, by the places of their nodes.

    Args:
        nodes: of a graph.
        large: the weights that are too large, by their names.
        uses: how often each tensor is read.
    """
    transposed = {
        node.output[0]: index
        for index, node in enumerate(nodes)
        if node.op_type == "Transpose" and node.input[0] in large and uses.get(node.output[0]) == 1
    }
    found = {}
    for index, node in enumerate(nodes):
        if node.op_type != "MatMul" or node.domain:
            continue
        factor, name = node.input
        transpose = transposed.get(name)
        weight = large.get(name if transpose is None else nodes[transpose].input[0])
        # One that stands in the graph itself is held anyway.
        is_apart = weight is not None and weight.data_location == onnx.TensorProto.EXTERNAL
        if weight is not None and is_apart and len(weight.dims) == 2 and factor not in large:
            found[index] = Product(factor, weight, transpose, node.output[0])
    return found
