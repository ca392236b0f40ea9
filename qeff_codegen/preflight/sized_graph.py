"""A graph with numbers for its axes, and every shape that follows from them."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir
from onnx_ir.passes.common import InlinePass
from onnxscript.optimizer import fold_constants_ir

# Shapes are computed from tensors of a few numbers; anything larger is a weight, whose values no shape depends on.
_MAX_SHAPE_ELEMENTS = 64


def without_functions(graph_model: onnx_ir.Model) -> onnx_ir.Model:
    """A copy in which every call of a local function is replaced by the function's nodes. Weights are shared."""
    inlined = graph_model.clone()
    InlinePass()(inlined)
    return inlined


def sized_graph(inlined: onnx_ir.Model, symbols: Mapping[str, int]) -> onnx_ir.Graph:
    """A copy of the graph for one program, with every shape that onnx can infer from its sizes.

    What computes shapes (Shape, Gather, Concat, ...) is folded into constants on the way, since a Reshape or an Expand
    has a known result only where the numbers it is given are known. Weights become inputs: their values do not matter
    and are not touched.

    Args:
        inlined: a graph without functions.
        symbols: the number of each axis; an axis that is missing stays a symbol.
    """
    model = inlined.clone()
    graph = model.graph
    for name, value in list(graph.initializers.items()):
        if value.const_value is None or value.const_value.size > _MAX_SHAPE_ELEMENTS:
            graph.inputs.append(graph.initializers.pop(name))
    for node in graph:
        for output in node.outputs:
            output.shape = None  # what the exporter traced holds for its own sizes
    for value in graph.inputs:
        if value.shape is not None:
            value.shape = onnx_ir.Shape([_number(dimension, symbols) for dimension in value.shape])
    fold_constants_ir(model, onnx_shape_inference=True, should_fold=_also_filled_tensors)
    return graph


def _number(dimension: int | onnx_ir.SymbolicDim, symbols: Mapping[str, int]) -> int | onnx_ir.SymbolicDim:
    if isinstance(dimension, int):
        return dimension
    return symbols.get(str(dimension.value), dimension)


def _also_filled_tensors(node: onnx_ir.Node) -> bool | None:
    """Folds ConstantOfShape, which onnxscript spares to keep graphs small: an Expand's sizes are made with it."""
    return True if node.op_type == "ConstantOfShape" else None
