"""Asks the graph's inputs for a size once, where the exporter asks each layer's tensors for it again.

A decoder layer reshapes and expands a dozen times, and the exporter lets each of these compute its shape from the
tensor at hand. But every size of a decoder is known when it is exported, or is one that the graph's inputs name, such
as `batch_size` or `ctx_len`. Once that is seen, the layers' computations of shapes are equal, and one is left of each.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir
from onnx_ir.convenience import get_const_tensor
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    IdentityEliminationPass,
    RemoveUnusedNodesPass,
)

from qeff_codegen.export.weight_folding import computed

# A size that is known lets others be inferred: the length of the mask first, then that of what attention reads, then
# what follows from it. The last round sees that nothing is left.
_MAX_ROUNDS = 4
# Shapes are a few numbers. What is larger is a table, and the exporter had its reasons to compute it.
_MAX_FOLDED_BYTES = 64
_NAME = "size_of_"


def share_sizes(graph_model: onnx_ir.Model) -> onnx_ir.Model:
    """Returns the model with one computation of each shape; the shapes of inner values are not noted in it."""
    for _ in range(_MAX_ROUNDS):
        _forget_shapes(graph_model.graph)
        _note_shapes(graph_model.graph)
        proto = onnx_ir.to_proto(graph_model)
        graph_model = onnx_ir.from_proto(onnx.shape_inference.infer_shapes(proto, data_prop=True))
        changed = _replace_sizes(graph_model.graph) + _fold_constants(graph_model.graph)
        for tidy in (CommonSubexpressionEliminationPass(), IdentityEliminationPass(), RemoveUnusedNodesPass()):
            tidy(graph_model)
        if not changed:
            break
    _forget_shapes(graph_model.graph)
    return graph_model


def _forget_shapes(graph: onnx_ir.Graph) -> None:
    """What the exporter noted may be the sizes of the example that it traced."""
    for node in graph:
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape = value.type = None


def _note_shapes(graph: onnx_ir.Graph) -> None:
    """Notes what inference does not see: the length of a range, and of what is gathered from the cache."""
    for node in graph:
        if node.op_type == "Range" and _is_number(node.inputs[0], 0) and _is_number(node.inputs[2], 1):
            size = _size_given_by(node.inputs[1])
            if size is not None:
                node.outputs[0].type = onnx_ir.TensorType(onnx_ir.DataType.INT64)
                node.outputs[0].shape = onnx_ir.Shape([size])
        elif node.op_type in ("CtxGather", "CtxGatherCB"):
            data, rows = node.inputs[0], node.inputs[1 if node.op_type == "CtxGatherCB" else 0]
            size = _size_given_by(node.inputs[-1])
            if size is not None and data is not None and rows is not None and data.shape and rows.shape:
                node.outputs[0].type = data.type
                node.outputs[0].shape = onnx_ir.Shape([rows.shape[0], data.shape[1], size, data.shape[3]])


def _is_number(value: onnx_ir.Value | None, number: int) -> bool:
    tensor = None if value is None else get_const_tensor(value)
    return tensor is not None and tensor.dtype == onnx_ir.DataType.INT64 and bool((tensor.numpy() == number).all())


def _size_given_by(value: onnx_ir.Value | None) -> int | str | None:
    """The size that a value is, through a conversion if there is one."""
    node = None if value is None else value.producer()
    if node is not None and node.op_type == "Cast" and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return _size_asked_for(node)


def _size_asked_for(node: onnx_ir.Node | None) -> int | str | None:
    """The size that a node takes out of a tensor's shape: a number, a name, or None if it is another node."""
    if node is None or node.domain or node.op_type != "Gather":
        return None
    shape_of, index = (None if value is None else value.producer() for value in node.inputs)
    if shape_of is None or index is None or shape_of.op_type != "Shape" or shape_of.attributes:
        return None
    tensor, position = shape_of.inputs[0], get_const_tensor(index.outputs[0])
    if tensor is None or tensor.shape is None or position is None or position.shape.rank() != 0:
        return None
    size = tensor.shape[int(position.numpy())]
    return size if isinstance(size, int) else size.value


def _replace_sizes(graph: onnx_ir.Graph) -> int:
    """Replaces each size that is asked for by its number, or by what is asked of the input that names it."""
    named = {
        size.value: (value, axis)
        for value in reversed(graph.inputs)
        for axis, size in enumerate(value.shape or ())
        if isinstance(size, onnx_ir.SymbolicDim) and size.value is not None
    }
    shared = {value.name: value for node in graph for value in node.outputs if str(value.name).startswith(_NAME)}
    replaced = 0
    for node in list(graph):
        size, name = _size_asked_for(node), node.outputs[0].name
        if size is None or not (isinstance(size, int) or size in named) or name in shared:
            continue
        wanted = f"{_NAME}{size}"
        if wanted not in shared:
            nodes = _constant(size) if isinstance(size, int) else _question(*named[size])
            shared[wanted] = nodes[-1].outputs[0]
            shared[wanted].name = wanted
            graph.insert_before(graph[0], nodes)
        node.outputs[0].replace_all_uses_with(shared[wanted])
        graph.remove(node, safe=True)
        replaced += 1
    return replaced


def _constant(number: int | np.ndarray) -> list[onnx_ir.Node]:
    return [onnx_ir.node("Constant", [], {"value": onnx_ir.tensor(np.asarray(number, np.int64))})]


def _question(value: onnx_ir.Value, axis: int) -> list[onnx_ir.Node]:
    shape, index = onnx_ir.node("Shape", [value]), _constant(axis)
    return [shape, *index, onnx_ir.node("Gather", [shape.outputs[0], index[0].outputs[0]], {"axis": 0})]


def _fold_constants(graph: onnx_ir.Graph) -> int:
    """Replaces what is computed from constants, and shapes of which every number is known."""
    folded = 0
    for node in list(graph):
        if node.domain or len(node.outputs) != 1 or node.outputs[0].is_graph_output() or not node.inputs:
            continue
        result = _known_result(node, graph.opset_imports[""])
        if result is None or result.nbytes > _MAX_FOLDED_BYTES:
            continue
        constant = onnx_ir.node("Constant", [], {"value": onnx_ir.tensor(result)})
        constant.outputs[0].name = node.outputs[0].name
        graph.insert_before(node, constant)
        node.outputs[0].replace_all_uses_with(constant.outputs[0])
        graph.remove(node, safe=True)
        folded += 1
    return folded


def _known_result(node: onnx_ir.Node, opset: int) -> np.ndarray | None:
    if node.op_type == "Shape" and not node.attributes:
        shape = None if node.inputs[0] is None else node.inputs[0].shape
        if shape is None or not all(isinstance(size, int) for size in shape):
            return None
        return np.array(list(shape), np.int64)
    if all(value is not None and get_const_tensor(value) is not None for value in node.inputs):
        return computed(node, opset)
    return None
