"""Casts to the type of another tensor become casts to a type.

A custom operator's body serves float32 and float16 alike and says CastLike. No graph that QEfficient exports has that
operator; where every tensor has one type, Cast says the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir


def spell_casts(graph_model: onnx_ir.Model) -> None:
    """Replaces each CastLike whose target's type is known; in a function, if it is the same wherever it is called."""
    for node in list(graph_model.graph):
        target = node.inputs[1].dtype if node.op_type == "CastLike" and node.inputs[1] is not None else None
        if target is not None:
            _replace(graph_model.graph, node, target)
    for function in graph_model.functions.values():
        positions = {value: position for position, value in enumerate(function.inputs)}
        for node in list(function):
            if node.op_type != "CastLike" or node.inputs[1] not in positions:
                continue
            types = set(_types_given(graph_model, function, positions[node.inputs[1]]))
            dtype = types.pop() if len(types) == 1 else None
            if dtype is not None:
                _replace(function, node, dtype)


def _types_given(
    graph_model: onnx_ir.Model, function: onnx_ir.Function, position: int
) -> Iterator[onnx_ir.DataType | None]:
    """The type of what each call gives the function at `position`; None where it is not known."""
    for node in graph_model.graph:
        if node.op_identifier() == function.identifier():
            value = node.inputs[position]
            yield None if value is None else value.dtype


def _replace(function: onnx_ir.Function | onnx_ir.Graph, node: onnx_ir.Node, dtype: onnx_ir.DataType) -> None:
    cast = onnx_ir.node("Cast", [node.inputs[0]], attributes={"to": int(dtype)}, name=node.name)
    onnx_ir.convenience.replace_nodes_and_values(function, node, [node], [cast], node.outputs, cast.outputs)
