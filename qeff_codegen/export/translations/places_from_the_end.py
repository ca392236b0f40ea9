"""Places that are counted from the end, where several tensors are an index together.

The exporter computes one place of all of them, of a negative one too, and reads another row.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper, symbolic_opset11

from qeff_codegen.export.translations.making_nodes import dtype_of, integers, number, size

# These give no negative place, or pass on what they are given.
_NEVER_NEGATIVE = frozenset({"aten::argmax", "aten::argmin", "aten::nonzero", "aten::nonzero_numpy", "aten::size"})
_SAME_NUMBERS = frozenset(
    {"aten::view", "aten::reshape", "aten::unsqueeze", "aten::squeeze", "aten::expand", "aten::slice", "aten::to"}
)


def _index(graph: Any, value: Any, index: Any) -> Any:
    if not symbolic_helper._is_packed_list(index):
        return symbolic_opset11.index(graph, value, index)
    places = symbolic_helper._unpack_list(index)
    tensors = [place for place in places if not symbolic_helper._is_none(place)]
    if len(tensors) < 2 or any(dtype_of(place) == torch.bool for place in tensors):
        return symbolic_opset11.index(graph, value, index)
    traced = list(list(graph.original_node.inputs())[1].node().inputs())
    from_the_front = [
        place if symbolic_helper._is_none(place) or never_negative(old) else _counted(graph, value, place, axis)
        for axis, (place, old) in enumerate(zip(places, traced, strict=True))
    ]
    return symbolic_opset11.index(graph, value, graph.op("prim::ListConstruct", *from_the_front))


def _counted(graph: Any, value: Any, place: Any, axis: int) -> Any:
    length = size(graph, value, axis)
    place = graph.op("Cast", place, to_i=7) if dtype_of(place) != torch.int64 else place
    # A length of one axis would add an axis to a place without any.
    length = graph.op("Squeeze", length, integers(graph, [0]))
    negative = graph.op("Less", place, number(graph, 0, torch.int64))
    counted = graph.op("Where", negative, graph.op("Add", place, length), place)
    return counted.setType(place.type())


def never_negative(value: Any) -> bool:
    """Whether a traced tensor of places can have none below zero, as far as its operators tell."""
    node = value.node()
    if node.kind() in _SAME_NUMBERS:
        return never_negative(next(node.inputs()))
    if node.kind() == "prim::ListUnpack":
        return next(node.inputs()).node().kind() in _NEVER_NEGATIVE
    if node.kind() == "aten::topk":
        return True
    if node.kind() == "aten::arange":
        given = [_constant(each) for each in node.inputs()]
        # With an end alone it starts at 0; with a start, that comes first.
        starts_at_zero = len(given) == 5
        return starts_at_zero or (isinstance(given[0], int) and given[0] >= 0 and len(given) == 6)
    return node.kind() in _NEVER_NEGATIVE


def _constant(value: Any) -> Any:
    return symbolic_helper._maybe_get_const(value, "i") if value.node().kind() == "onnx::Constant" else None


TRANSLATIONS = {"aten::index": _index}
