"""Computes what a graph computes from its weights alone, when it is written instead of each time it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir
from onnx.reference import ReferenceEvaluator
from onnx_ir.convenience import get_const_tensor


def fold_into_weights(graph: onnx_ir.Graph) -> None:
    """Replaces nodes that read nothing but weights and constants, such as the transpose of a projection's weight.

    Only where nothing else reads the weights and the result is no larger, so that none is stored twice: a token
    embedding that is the head's weight too stays one initializer, and a runtime transposes it when it loads the graph.
    The result has the weight's name, or where it is made of several, its own; beside a weight of numbers, buffers of
    integers, such as the positions at which a table is read, do not count.
    """
    for node in graph:
        weights = [value for value in node.inputs if value is not None and value.is_initializer()]
        if not weights or not _is_foldable(node, weights):
            continue
        proto = onnx_ir.to_proto(node)
        known = {
            name: tensor.numpy()
            for name, value in zip(proto.input, node.inputs, strict=True)
            if value is not None and (tensor := get_const_tensor(value)) is not None
        }
        result = computed(proto, known, graph.opset_imports[""])
        if result.nbytes <= sum(value.const_value.nbytes for value in weights if value.const_value is not None):
            _replace(graph, node, weights, result)


def _is_foldable(node: onnx_ir.Node, weights: list[onnx_ir.Value]) -> bool:
    if node.domain or len(node.outputs) != 1 or node.outputs[0].is_graph_output():
        return False
    if any(len(value.uses()) > 1 for value in weights):
        return False
    return all(value is None or get_const_tensor(value) is not None for value in node.inputs)


def computed(node: onnx.NodeProto, known: Mapping[str, np.ndarray], opset: int) -> np.ndarray:
    """The node's output, of inputs that are `known`; a view of one wherever numpy has one, as for a transpose."""
    graph = onnx.helper.make_graph(
        nodes=[node],
        name="folded",
        inputs=[onnx.helper.make_empty_tensor_value_info(name) for name in known],
        outputs=[onnx.helper.make_empty_tensor_value_info(node.output[0])],
    )
    evaluator = ReferenceEvaluator(graph, opsets={"": opset})
    outputs: Any = evaluator.run(None, dict(known))
    return outputs[0]


def _replace(graph: onnx_ir.Graph, node: onnx_ir.Node, weights: list[onnx_ir.Value], result: np.ndarray) -> None:
    numbers = [value for value in weights if value.dtype is None or value.dtype.is_floating_point()]
    named = numbers or weights
    name = named[0].name if len(named) == 1 else node.outputs[0].name
    folded = onnx_ir.val(name, const_value=_ordered_when_written(result, name))
    node.outputs[0].replace_all_uses_with(folded)
    graph.remove(node, safe=True)
    for value in weights:
        assert value.name is not None
        del graph.initializers[value.name]
    graph.register_initializer(folded)


def _ordered_when_written(array: np.ndarray, name: str | None) -> onnx_ir.LazyTensor:
    """A tensor whose bytes are put in order only when they are written, so that one such copy exists at a time."""
    return onnx_ir.LazyTensor(
        lambda: onnx_ir.tensor(np.asarray(array, order="C"), name=name),
        dtype=onnx_ir.DataType.from_numpy(array.dtype),
        shape=onnx_ir.Shape(array.shape),
        name=name,
    )
