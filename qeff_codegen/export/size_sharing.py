"""Asks the graph's inputs for a size once, where the exporter asks each layer's tensors for it again.

A decoder layer reshapes and expands a dozen times, and the exporter lets each of these compute its shape from the
tensor at hand. But every size of a decoder is known when it is exported, or is one that the graph's inputs name, such
as `batch_size` or `ctx_len`. Once that is seen, the layers' computations of shapes are equal, and one is left of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TypeProto, ValueInfoProto, helper, numpy_helper

from qeff_codegen.export.node_list import ListedNode, tidied, without_equal
from qeff_codegen.export.weight_folding import computed

# A size that is known lets others be inferred: the length of the mask first, then that of what attention reads, then
# what follows from it. The last round sees that nothing is left.
_MAX_ROUNDS = 4
# Shapes are a few numbers. What is larger is a table, and the exporter had its reasons to compute it.
_MAX_FOLDED_BYTES = 64
_NAME = "size_of_"

# A number, a name, or not known.
_Size = int | str | None
# Of values, by their names.
_Shapes = dict[str, tuple[_Size, ...]]


def share_sizes(model: ModelProto) -> None:
    """Leaves one computation of each shape in the model; the shapes of inner values are not noted in it.

    It works on the model as it stands in a file: about two nodes in three go, and inference reads no other form.
    """
    sharing = _Sharing(model)
    for _ in range(_MAX_ROUNDS):
        if not sharing.round():
            break
    sharing.write()


class _Sharing:
    """A model while sizes are shared in it."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._outputs = frozenset(value.name for value in model.graph.output)
        self._opset = next(each.version for each in model.opset_import if not each.domain)
        # Of what each layer's tensors are asked for, much is the same before anything is known of it.
        self._nodes = without_equal([ListedNode(node) for node in model.graph.node], self._outputs)
        self._producers: dict[str, ListedNode] = {}
        self._constants = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
        self._results: dict[object, np.ndarray] = {}
        self._named = {
            size: (value.name, axis)
            for value in reversed(model.graph.input)
            for axis, size in enumerate(_shape(value.type) or ())
            if isinstance(size, str)
        }
        self._names = _Names(self._nodes)

    def round(self) -> bool:
        """Shares the sizes that are known; whether it changed anything."""
        self._producers = {name: node for node in self._nodes for name in node.outputs}
        for node in self._nodes:
            if node.operator == "Constant" and node.outputs[0] not in self._constants:
                array = _array(node.proto)
                if array is not None:
                    self._constants[node.outputs[0]] = array
        shapes = self._inferred_shapes()
        changed = self._replace_sizes(shapes) + self._fold_constants(shapes)
        if changed:
            self._nodes = tidied(self._nodes, self._outputs)
        return changed > 0

    def write(self, noted: list[ValueInfoProto] | None = None) -> None:
        """Gives the model its nodes, and of the shapes of inner values those that are `noted`.

        What the exporter noted may be the sizes of the example that it traced.
        """
        graph = self._model.graph
        del graph.node[:], graph.value_info[:]
        graph.node.extend([node.proto for node in self._nodes])
        graph.value_info.extend(noted or ())

    def _inferred_shapes(self) -> _Shapes:
        """The sizes of inputs, outputs and what is asked for sizes, if ONNX infers the rank, by the value's name.

        Outputs have theirs noted in the graph too.
        """
        self.write(list(self._noted_shapes()))
        asked = {node.inputs[0] for node in self._nodes if node.operator == "Shape" and not node.domain}
        inferred = onnx.shape_inference.infer_shapes(self._model, data_prop=True).graph
        for output, info in zip(self._model.graph.output, inferred.output, strict=True):
            output.CopyFrom(info)
        inner = (info for info in inferred.value_info if info.name in asked)
        shapes = {info.name: _shape(info.type) for info in (*inferred.input, *inferred.output, *inner)}
        return {name: shape for name, shape in shapes.items() if shape is not None}

    def _noted_shapes(self) -> Iterator[ValueInfoProto]:
        """What inference does not see: the length of a range, and of what is gathered from the cache."""
        graph = self._model.graph
        types = {value.name: value.type for value in (*graph.input, *graph.output)}
        shapes = {name: shape for name, of_value in types.items() if (shape := _shape(of_value)) is not None}
        given = dict(shapes)
        for node in self._nodes:
            if node.operator == "Range" and self._is_number(node.inputs[0], 0) and self._is_number(node.inputs[2], 1):
                size = self._size_given_by(node.inputs[1], given)
                if size is not None:
                    note = helper.make_tensor_value_info(node.outputs[0], onnx.TensorProto.INT64, [size])
                    shapes[note.name], types[note.name] = (size,), note.type
                    yield note
            elif node.operator in ("CtxGather", "CtxGatherCB"):
                data, rows = node.inputs[0], node.inputs[1 if node.operator == "CtxGatherCB" else 0]
                size = self._size_given_by(node.inputs[-1], given)
                if size is not None and shapes.get(data) and shapes.get(rows):
                    shape = (shapes[rows][0], shapes[data][1], size, shapes[data][3])
                    kind = types[data].tensor_type.elem_type
                    note = helper.make_tensor_value_info(node.outputs[0], kind, shape)
                    shapes[note.name], types[note.name] = shape, note.type
                    yield note

    def _is_number(self, name: str, number: int) -> bool:
        array = self._constants.get(name)
        return array is not None and array.dtype == np.int64 and bool((array == number).all())

    def _size_given_by(self, name: str, shapes: _Shapes) -> _Size:
        """The size that a value is, through a conversion if there is one."""
        node = self._producers.get(name)
        if node is not None and node.operator == "Cast":
            node = self._producers.get(node.inputs[0])
        return None if node is None else self._size_asked_for(node, shapes)

    def _size_asked_for(self, node: ListedNode, shapes: _Shapes) -> _Size:
        """The size that a node takes out of a tensor's shape: a number, a name, or None if it is another node."""
        if node.operator != "Gather" or node.domain:
            return None
        shape_of = self._producers.get(node.inputs[0])
        if shape_of is None or shape_of.operator != "Shape" or shape_of.attributes:
            return None
        shape, position = shapes.get(shape_of.inputs[0]), self._constants.get(node.inputs[1])
        if shape is None or position is None or position.ndim != 0:
            return None
        return shape[int(position)]

    def _replace_sizes(self, shapes: _Shapes) -> int:
        """Replaces each size that is asked for by its number, or by what is asked of the input that names it."""
        known = {name for node in self._nodes for name in node.outputs if name.startswith(_NAME)}
        first: list[ListedNode] = []
        left: list[ListedNode] = []
        names: dict[str, str] = {}
        for node in self._nodes:
            node.rename_inputs(names)
            size = self._size_asked_for(node, shapes)
            is_named = isinstance(size, int) or size in self._named
            if size is None or not is_named or node.outputs[0] in known or node.outputs[0] in self._outputs:
                left.append(node)
                continue
            wanted = names[node.outputs[0]] = f"{_NAME}{size}"
            if wanted not in known:
                known.add(wanted)
                if isinstance(size, int):
                    first.append(self._constant(wanted, np.asarray(size, np.int64)))
                else:
                    # The earlier ones stand behind it.
                    first.extend(reversed(self._question(wanted, *self._named[size])))
        replaced = len(self._nodes) - len(left)
        self._nodes = [*reversed(first), *left]
        return replaced

    def _constant(self, name: str, array: np.ndarray) -> ListedNode:
        self._constants[name] = array
        return self._node("Constant", [], name, value=numpy_helper.from_array(array))

    def _question(self, name: str, value: str, axis: int) -> list[ListedNode]:
        shape = self._node("Shape", [value], self._names.of_value())
        index = self._constant(self._names.of_value(), np.asarray(axis, np.int64))
        return [shape, index, self._node("Gather", [*shape.outputs, *index.outputs], name, axis=0)]

    def _node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> ListedNode:
        return ListedNode(helper.make_node(operator, inputs, [output], self._names.of_node(operator), **attributes))

    def _fold_constants(self, shapes: _Shapes) -> int:
        """Replaces what is computed from constants, and shapes of which every number is known."""
        folded = 0
        for position, node in enumerate(self._nodes):
            if node.domain or len(node.outputs) != 1 or node.outputs[0] in self._outputs or not node.inputs:
                continue
            result = self._known_result(node, shapes)
            if result is not None and result.nbytes <= _MAX_FOLDED_BYTES:
                self._nodes[position] = self._constant(node.outputs[0], result)
                folded += 1
        return folded

    def _known_result(self, node: ListedNode, shapes: _Shapes) -> np.ndarray | None:
        if node.operator == "Shape" and not node.attributes:
            shape = shapes.get(node.inputs[0])
            if shape is None or not all(isinstance(size, int) for size in shape):
                return None
            return np.array(shape, np.int64)
        if node.attributes is None or any(name not in self._constants for name in node.inputs):
            return None
        # Layers compute the same of the same.
        form = node.operator, node.attributes, node.inputs
        if form not in self._results:
            known = {name: self._constants[name] for name in node.inputs}
            self._results[form] = computed(node.proto, known, self._opset)
        return self._results[form]


class _Names:
    """Names that no node and no value has yet."""

    def __init__(self, nodes: list[ListedNode]) -> None:
        self._taken = {name for node in nodes for name in (node.proto.name, *node.outputs)}
        self._values = 0
        self._nodes = 0

    def of_value(self) -> str:
        """A name for a value."""
        while True:
            name = f"val_{self._values}"
            self._values += 1
            if name not in self._taken:
                return name

    def of_node(self, operator: str) -> str:
        """A name for a node."""
        while True:
            name = f"node_{operator}_{self._nodes}"
            self._nodes += 1
            if name not in self._taken:
                return name


def _array(constant: NodeProto) -> np.ndarray | None:
    attribute = constant.attribute[0]
    if attribute.name == "value":
        return numpy_helper.to_array(attribute.t)
    if attribute.name in ("value_int", "value_ints"):
        return np.array(helper.get_attribute_value(attribute), np.int64)
    if attribute.name in ("value_float", "value_floats"):
        return np.array(helper.get_attribute_value(attribute), np.float32)
    return None


def _shape(of_value: TypeProto) -> tuple[_Size, ...] | None:
    """Each axis's size; None if not even their number is known."""
    if not of_value.tensor_type.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in of_value.tensor_type.shape.dim
    )
