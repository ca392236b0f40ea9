"""Computes what a graph computes from its weights alone, when it is written instead of each time it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir
import torch
from onnx.reference import ReferenceEvaluator
from onnx_ir.convenience import get_const_tensor

from qeff_codegen.errors import Refusal
from qeff_codegen.export.graph_weights import LaterTensor
from qeff_codegen.export.proved_operators.check import RULE

# Operators whose result has a shape that follows from the values of floats.
_SHAPED_BY_NUMBERS = ("NonZero", "OneHot", "Range", "Resize", "Unique")


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
        given = {
            name: tensor
            for name, value in zip(proto.input, node.inputs, strict=True)
            if value is not None and (tensor := get_const_tensor(value)) is not None
        }
        opset = graph.opset_imports[""]
        outlines = {
            name: tensor.numpy() if node.op_type in _SHAPED_BY_NUMBERS else _outline(tensor)
            for name, tensor in given.items()
        }
        outline = computed(proto, outlines, opset)
        if outline.nbytes <= sum(value.const_value.nbytes for value in weights if value.const_value is not None):
            name = _name_of(node, weights)
            folded = _computed_when_written(proto, given, opset, outline, name)
            _replace(graph, node, weights, onnx_ir.val(name, const_value=folded))


def _outline(tensor: onnx_ir.TensorProtocol) -> np.ndarray:
    """Zeros for floats that are made later. Others are made now: they may be sizes, indices or a mask."""
    if isinstance(tensor, LaterTensor) and tensor.dtype.is_floating_point():
        return tensor.outline
    return tensor.numpy()


def _computed_when_written(
    node: onnx.NodeProto,
    given: Mapping[str, onnx_ir.TensorProtocol],
    opset: int,
    outline: np.ndarray,
    name: str | None,
) -> LaterTensor:
    """A node's output, which is computed and put in order only when it is written, so that one exists at a time.

    Making it raises `Refusal` where it is not what `outline` says.
    """

    def make() -> onnx_ir.TensorProtocol:
        result = computed(node, {key: tensor.numpy() for key, tensor in given.items()}, opset)
        if (result.shape, result.dtype) != (outline.shape, outline.dtype):
            raise Refusal(
                f"what {node.op_type} {node.name or node.output[0]} makes of weights is {result.dtype} of the shape "
                f"{list(result.shape)}, and of zeros {outline.dtype} of the shape {list(outline.shape)}",
                rule=RULE,
                expected="a result whose shape does not follow from the numbers of a weight",
                next_step="Compute the same in another way, or export with the other exporter.",
            )
        return onnx_ir.tensor(_ordered(result), name=name)

    return LaterTensor(np.zeros(outline.shape, outline.dtype), make, name)


def _is_foldable(node: onnx_ir.Node, weights: list[onnx_ir.Value]) -> bool:
    if node.domain or len(node.outputs) != 1 or node.outputs[0].is_graph_output():
        return False
    if any(len(value.uses()) > 1 for value in weights):
        return False
    if _adds_up(node) and any(value.dtype == onnx_ir.DataType.FLOAT16 for value in weights):
        return False
    return all(value is None or get_const_tensor(value) is not None for value in node.inputs)


def _adds_up(node: onnx_ir.Node) -> bool:
    """Whether numbers are added up, which onnx's reference evaluator does in float16 where they are float16.

    In onnx 1.23.2 the mean of 4,096 times 17 is infinite then (findings/reference_of_decoder_operators.sh).
    """
    return node.op_type.startswith("Reduce") or node.op_type.endswith(("Normalization", "Softmax"))


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


def _name_of(node: onnx_ir.Node, weights: list[onnx_ir.Value]) -> str | None:
    numbers = [value for value in weights if value.dtype is None or value.dtype.is_floating_point()]
    named = numbers or weights
    return named[0].name if len(named) == 1 else node.outputs[0].name


def _replace(graph: onnx_ir.Graph, node: onnx_ir.Node, weights: list[onnx_ir.Value], folded: onnx_ir.Value) -> None:
    node.outputs[0].replace_all_uses_with(folded)
    graph.remove(node, safe=True)
    for value in weights:
        assert value.name is not None
        del graph.initializers[value.name]
    graph.register_initializer(folded)


def _ordered(array: np.ndarray) -> np.ndarray:
    """The array with its elements in order; PyTorch transposes several times faster than numpy."""
    if array.flags.c_contiguous or not array.flags.writeable:
        return np.asarray(array, order="C")
    return torch.from_numpy(array).contiguous().numpy()
