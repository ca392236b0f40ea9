"""ONNX Runtime gets a graph without the index that only the device skips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from qeff_codegen.checkout.runnable_graph import runnable_graph
from qeff_codegen.runtime.constants import INVALID_INDEX


def gathering(path: Path) -> Path:
    """A graph that reads slot 1, and the skipped one twice: as a constant and as an initializer."""
    skipped = numpy_helper.from_array(np.array(INVALID_INDEX, np.int64), "skipped_too")
    nodes = [
        helper.make_node(
            "Constant", [], ["skipped"], value=numpy_helper.from_array(np.array(INVALID_INDEX, np.int32))
        ),
        helper.make_node("Cast", ["skipped"], ["skipped_64"], to=TensorProto.INT64),
        helper.make_node("Constant", [], ["ends"], value=numpy_helper.from_array(np.array([INVALID_INDEX], np.int64))),
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.array([1], np.int64))),
        helper.make_node("Slice", ["data", "one", "ends"], ["from_one"]),
        helper.make_node("Gather", ["data", "skipped_64"], ["first"]),
        helper.make_node("Gather", ["data", "skipped_too"], ["second"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("first", "second", "from_one")
    ]
    data = helper.make_tensor_value_info("data", TensorProto.FLOAT, [3])
    graph = helper.make_graph(nodes, "graph", [data], outputs, [skipped])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_the_skipped_index_becomes_slot_0_and_an_open_end_stays(tmp_path: Path) -> None:
    original = gathering(tmp_path / "model.onnx")
    before = original.read_bytes()
    path = runnable_graph(original)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    first, second, rest = session.run(None, {"data": np.array([5, 6, 7], np.float32)})
    assert (first, second, rest.tolist()) == (5, 5, [6, 7])
    assert original.read_bytes() == before
