"""A graph of QEfficient's as ONNX Runtime can run it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from qeff_codegen.runtime.constants import INVALID_INDEX


def runnable_graph(onnx_path: Path) -> Path:
    """Writes a copy of the graph beside it, in which the index that the device skips is 0, and returns its path.

    ONNX Runtime skips no index. What is read from slot 0 in place of an invalid one is replaced by zeros or masked
    afterwards; but a pad would be *written* to slot 0, so with continuous batching the copy must get none.
    """
    model = onnx.load(onnx_path, load_external_data=False)
    constants = [
        attribute.t
        for node in model.graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    for tensor in (*constants, *model.graph.initializer):
        if not tensor.dims and not tensor.external_data and tensor.data_type in _INTEGERS:
            array = numpy_helper.to_array(tensor)
            if array == INVALID_INDEX:
                tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(array), tensor.name))
    path = onnx_path.with_name(f"{onnx_path.stem}.runnable.onnx")
    onnx.save(model, path)
    return path


_INTEGERS = (onnx.TensorProto.INT32, onnx.TensorProto.INT64)
