"""Calls of exported graphs on ONNX Runtime, ours and QEfficient's."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

Array = np.ndarray[Any, np.dtype[Any]]
# What a graph of QEfficient's has for a slot that is not read. Its own runner of ONNX Runtime makes 0 of it too.
_INVALID = np.iinfo(np.int32).max
_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def called(graph: Path | str, sizes: Mapping[str, int], given: Mapping[str, Array]) -> dict[str, Array]:
    """What a graph gives, by the names of its outputs.

    Args:
        graph: the file.
        sizes: of the axes that are named, for inputs that are not given.
        given: inputs; all others are zeros.
    """
    session = _session(str(graph))
    feeds = {
        each.name: (
            given[each.name]
            if each.name in given
            else np.zeros([sizes.get(size, size) for size in each.shape], _TYPES[each.type])
        )
        for each in session.get_inputs()
    }
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


@functools.lru_cache(maxsize=2)
def _session(graph: str) -> onnxruntime.InferenceSession:
    model = onnx.load(graph)
    constants = [node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"]
    for tensor in [*constants, *model.graph.initializer]:
        if tensor.data_type != onnx.TensorProto.UNDEFINED and not tensor.dims:
            value = onnx.numpy_helper.to_array(tensor)
            if value == _INVALID:
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros_like(value), tensor.name))
    return onnxruntime.InferenceSession(model.SerializeToString())
