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

# Of values, by their names: each size is a number, a name, or not known.
_Shapes = dict[str, tuple[int | str | None, ...]]


def share_sizes(graph_model: onnx_ir.Model) -> None:
    """Leaves one computation of each shape in the model; the shapes of inner values are not noted in it."""
    graph = graph_model.graph
    constants = _Constants()
    # Of what each layer's tensors are asked for, much is the same before anything is known of it.
    CommonSubexpressionEliminationPass()(graph_model)
    for _ in range(_MAX_ROUNDS):
        _forget_shapes(graph)
        _note_shapes(graph, constants)
        shapes = _inferred_shapes(graph_model)
        changed = _replace_sizes(graph, shapes, constants) + _fold_constants(graph, shapes, constants)
        for tidy in (CommonSubexpressionEliminationPass(), IdentityEliminationPass(), RemoveUnusedNodesPass()):
            tidy(graph_model)
        if not changed:
            break
    _forget_shapes(graph)


class _Constants:
    """The arrays of values that are constants, each read once: reading one takes longer than what is done with it."""

    def __init__(self) -> None:
        self._arrays: dict[onnx_ir.Value, np.ndarray | None] = {}

    def of(self, value: onnx_ir.Value | None) -> np.ndarray | None:
        """The array of a constant or an initializer; None for other values."""
        if value is None:
            return None
        if value not in self._arrays:
            tensor = get_const_tensor(value)
            self._arrays[value] = None if tensor is None else tensor.numpy()
        return self._arrays[value]


def _forget_shapes(graph: onnx_ir.Graph) -> None:
    """What the exporter noted may be the sizes of the example that it traced."""
    for node in graph:
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape = value.type = None


def _inferred_shapes(graph_model: onnx_ir.Model) -> _Shapes:
    """The sizes of every value of which ONNX infers the rank, by its name; outputs have theirs noted in the graph too.

    Nothing else is read of the model that ONNX's inference returns, as reading all of it takes long.
    """
    inferred = onnx.shape_inference.infer_shapes(onnx_ir.to_proto(graph_model), data_prop=True).graph
    for output, info in zip(graph_model.graph.outputs, inferred.output, strict=True):
        onnx_ir.serde.deserialize_value_info_proto(info, output)
    return {
        info.name: tuple(map(_size, info.type.tensor_type.shape.dim))
        for info in (*inferred.input, *inferred.output, *inferred.value_info)
        if info.type.tensor_type.HasField("shape")
    }


def _size(dimension: onnx.TensorShapeProto.Dimension) -> int | str | None:
    """A number, a name, or None if it is not known."""
    return dimension.dim_value if dimension.HasField("dim_value") else dimension.dim_param or None


def _note_shapes(graph: onnx_ir.Graph, constants: _Constants) -> None:
    """Notes what inference does not see: the length of a range, and of what is gathered from the cache."""
    shapes = {
        value.name: tuple(size if isinstance(size, int) else size.value for size in value.shape)
        for value in (*graph.inputs, *graph.outputs)
        if value.name is not None and value.shape is not None
    }
    for node in graph:
        if (
            node.op_type == "Range"
            and _is_number(node.inputs[0], 0, constants)
            and _is_number(node.inputs[2], 1, constants)
        ):
            size = _size_given_by(node.inputs[1], shapes, constants)
            if size is not None:
                node.outputs[0].type = onnx_ir.TensorType(onnx_ir.DataType.INT64)
                node.outputs[0].shape = onnx_ir.Shape([size])
        elif node.op_type in ("CtxGather", "CtxGatherCB"):
            data, rows = node.inputs[0], node.inputs[1 if node.op_type == "CtxGatherCB" else 0]
            size = _size_given_by(node.inputs[-1], shapes, constants)
            if size is not None and data is not None and rows is not None and data.shape and rows.shape:
                node.outputs[0].type = data.type
                node.outputs[0].shape = onnx_ir.Shape([rows.shape[0], data.shape[1], size, data.shape[3]])


def _is_number(value: onnx_ir.Value | None, number: int, constants: _Constants) -> bool:
    array = constants.of(value)
    return array is not None and array.dtype == np.int64 and bool((array == number).all())


def _size_given_by(value: onnx_ir.Value | None, shapes: _Shapes, constants: _Constants) -> int | str | None:
    """The size that a value is, through a conversion if there is one."""
    node = None if value is None else value.producer()
    if node is not None and node.op_type == "Cast" and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return _size_asked_for(node, shapes, constants)


def _size_asked_for(node: onnx_ir.Node | None, shapes: _Shapes, constants: _Constants) -> int | str | None:
    """The size that a node takes out of a tensor's shape: a number, a name, or None if it is another node."""
    if node is None or node.domain or node.op_type != "Gather":
        return None
    shape_of = None if node.inputs[0] is None else node.inputs[0].producer()
    if shape_of is None or shape_of.op_type != "Shape" or shape_of.attributes:
        return None
    shape, position = _shape_of(shape_of.inputs[0], shapes), constants.of(node.inputs[1])
    if shape is None or position is None or position.ndim != 0:
        return None
    return shape[int(position)]


def _shape_of(value: onnx_ir.Value | None, shapes: _Shapes) -> tuple[int | str | None, ...] | None:
    return None if value is None or value.name is None else shapes.get(value.name)


def _replace_sizes(graph: onnx_ir.Graph, shapes: _Shapes, constants: _Constants) -> int:
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
        size, name = _size_asked_for(node, shapes, constants), node.outputs[0].name
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


def _fold_constants(graph: onnx_ir.Graph, shapes: _Shapes, constants: _Constants) -> int:
    """Replaces what is computed from constants, and shapes of which every number is known."""
    folded = 0
    for node in list(graph):
        if node.domain or len(node.outputs) != 1 or node.outputs[0].is_graph_output() or not node.inputs:
            continue
        result = _known_result(node, graph.opset_imports[""], shapes, constants)
        if result is None or result.nbytes > _MAX_FOLDED_BYTES:
            continue
        constant = onnx_ir.node("Constant", [], {"value": onnx_ir.tensor(result)})
        constant.outputs[0].name = node.outputs[0].name
        graph.insert_before(node, constant)
        node.outputs[0].replace_all_uses_with(constant.outputs[0])
        graph.remove(node, safe=True)
        folded += 1
    return folded


def _known_result(node: onnx_ir.Node, opset: int, shapes: _Shapes, constants: _Constants) -> np.ndarray | None:
    if node.op_type == "Shape" and not node.attributes:
        shape = _shape_of(node.inputs[0], shapes)
        if shape is None or not all(isinstance(size, int) for size in shape):
            return None
        return np.array(shape, np.int64)
    if all(constants.of(value) is not None for value in node.inputs):
        return computed(node, opset)
    return None
