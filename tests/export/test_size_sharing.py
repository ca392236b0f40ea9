"""Sizes are asked of the graph's inputs, once each; what cannot be known stays asked where it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.size_sharing import share_sizes
from tests.runtime.toy_llama import CTX_LEN

# Twice the same question, of two tensors whose sizes are those of the input, and one number that is known.
REPEATED = """
g (float[n, 4] x) => (float[m, k] y) {
    first = Constant<value_int=0>()
    second = Constant<value_int=1>()
    axis = Constant<value_ints=[0]>()
    a = Neg(x)
    shape_a = Shape(a)
    rows_a = Gather(shape_a, first)
    columns_a = Gather(shape_a, second)
    b = Abs(x)
    shape_b = Shape(b)
    rows_b = Gather(shape_b, first)
    columns_b = Gather(shape_b, second)
    ra = Unsqueeze(rows_a, axis)
    ca = Unsqueeze(columns_a, axis)
    turned_a = Concat<axis=0>(ca, ra)
    rb = Unsqueeze(rows_b, axis)
    cb = Unsqueeze(columns_b, axis)
    turned_b = Concat<axis=0>(cb, rb)
    c = Reshape(a, turned_a)
    d = Reshape(b, turned_b)
    y = Add(c, d)
}
"""
# How many numbers are positive, only the numbers say.
UNKNOWN = """
g (float[n] x) => (float[m] y) {
    zero = Constant<value_float=0.0>()
    index = Constant<value_int=1>()
    axis = Constant<value_ints=[0]>()
    positive = Greater(x, zero)
    places = NonZero(positive)
    shape = Shape(places)
    count = Gather(shape, index)
    length = Unsqueeze(count, axis)
    y = Expand(zero, length)
}
"""


def model(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]>{text}')


def operators(proto: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in proto.graph.node)


def shared(proto: onnx.ModelProto) -> onnx.ModelProto:
    share_sizes(proto)
    return proto


def run(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def test_one_computation_is_left() -> None:
    before, after = model(REPEATED), shared(model(REPEATED))
    left = operators(after)
    assert (left["Shape"], left["Gather"], left["Concat"]) == (1, 1, 1)
    assert [node.input[0] for node in after.graph.node if node.op_type == "Shape"] == ["x"]
    for rows in (1, 3):
        x = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4) - 2
        np.testing.assert_array_equal(run(after, x), run(before, x))


def test_what_the_exporter_noted_is_not_believed() -> None:
    proto = model(REPEATED)
    proto.graph.value_info.append(onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, [2, 4]))
    x = np.ones((5, 4), np.float32)
    np.testing.assert_array_equal(run(shared(proto), x), np.zeros((4, 5), np.float32))


def test_a_size_that_nothing_names_is_asked_for_where_it_was() -> None:
    after = shared(model(UNKNOWN))
    assert operators(after)["NonZero"] == operators(after)["Gather"] == 1
    assert run(after, np.array([-1, 2, 3], np.float32)).shape == (2,)


@pytest.mark.parametrize("continuous_batching", [False, True])
def test_layers_ask_for_no_size(exported: Callable[[ExportSpec], Path], continuous_batching: bool) -> None:
    nodes = onnx.load(exported(ExportSpec(CTX_LEN, continuous_batching))).graph.node
    asked = [node.input[0] for node in nodes if node.op_type == "Shape"]
    assert not [name for name in asked if ".layers." in name or "/layers." in name]
    assert len(asked) <= 6
