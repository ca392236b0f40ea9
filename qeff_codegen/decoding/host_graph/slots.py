"""Recognises how an exported graph reads and writes the slots of its cache, and which of them it may not see."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir

from qeff_codegen.decoding.host_graph.nodes import behind, behind_casts, constant, either_order, is_number, maker
from qeff_codegen.runtime.constants import INVALID_INDEX

_RESHAPES = ("Unsqueeze", "Reshape", "Cast", "Identity")


@dataclass(frozen=True)
class Written:
    """Keys or values that a call writes.

    Attributes:
        cache: the graph's input, `[batch_size, heads, slots, head_dim]`.
        updates: what is written, `[batch_size, heads, seq_len, head_dim]`.
        node: what writes it.
    """

    cache: onnx_ir.Value
    updates: onnx_ir.Value
    node: onnx_ir.Node


class Slots:
    """What a graph's slots are, by the one input that they follow from.

    Args:
        position_ids: int64 `[batch_size, seq_len]`, -1 for pads.
    """

    def __init__(self, position_ids: onnx_ir.Value) -> None:
        self._position_ids = position_ids

    def written(self, node: onnx_ir.Node) -> Written | None:
        """What the node writes, if it writes each token to the slot of its position and pads nowhere that is read."""
        if node.op_type == "CtxScatter":
            cache, positions, updates = node.inputs
        elif node.op_type == "CtxScatterCB":
            cache, _, positions, updates = node.inputs
        else:
            return None
        if cache is None or positions is None or updates is None or not cache.is_graph_input():
            return None
        return Written(cache, updates, node) if self._are_positions(positions) else None

    def read(self, value: onnx_ir.Value) -> onnx_ir.Value | None:
        """The whole cache of which `value` is the slots in order, with anything in those behind the row's last token.

        Values are replaced by 0 there, which weights of 0 do not show.
        """
        if (cleared := maker(value, "Where")) is not None:
            condition, zero, gathered = cleared.inputs
            assert condition is not None and gathered is not None
            if not is_number(zero, 0) or not self._is_behind_last(condition):
                return None
            value = gathered
        node = maker(value, "CtxGather", "CtxGatherCB")
        if node is None:
            return None
        cache, indices = node.inputs[0], node.inputs[-2]
        index = maker(indices, "Where")
        if index is None or cache is None:
            return None
        condition, invalid, slots = index.inputs
        assert condition is not None and slots is not None
        in_order = is_number(invalid, INVALID_INDEX) and _are_slots(slots) and self._is_behind_last(condition)
        return cache if in_order else None

    def hides_later(self, mask: onnx_ir.Value) -> bool:
        """Whether the mask is true at least for every slot behind a query's own."""
        if (both := maker(mask, "Or")) is not None:
            return any(self.hides_later(side) for side, _ in either_order(both))
        node = maker(mask, "Greater")
        if node is None:
            return False
        slots, positions = node.inputs
        assert slots is not None and positions is not None
        return _are_slots(slots) and behind(positions, *_RESHAPES) is self._position_ids

    def _is_behind_last(self, condition: onnx_ir.Value) -> bool:
        """Whether it is true for the slots behind the row's last token alone."""
        node = maker(behind(condition, *_RESHAPES), "Greater")
        if node is None:
            return False
        slots, last = node.inputs
        assert slots is not None and last is not None
        largest = maker(behind(last, *_RESHAPES), "ReduceMax")
        return _are_slots(slots) and largest is not None and largest.inputs[0] is self._position_ids

    def _are_positions(self, value: onnx_ir.Value) -> bool:
        """Whether it is the positions, or these with pads replaced by an index that is skipped."""
        if value is self._position_ids:
            return True
        node = maker(value, "Where")
        if node is None:
            return False
        condition, invalid, positions = node.inputs
        below = maker(condition, "Less")
        return (
            positions is self._position_ids
            and is_number(invalid, INVALID_INDEX)
            and below is not None
            and below.inputs[0] is self._position_ids
            and is_number(below.inputs[1], 0)
        )


def _are_slots(value: onnx_ir.Value) -> bool:
    """Whether it is 0, 1, 2 and so on, along its last axis."""
    node = maker(behind(behind_casts(value), *_RESHAPES), "Range")
    if node is None:
        return False
    start, _, step = node.inputs
    return is_number(start, 0) and is_number(step, 1) and constant(start) is not None
