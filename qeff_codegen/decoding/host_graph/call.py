"""What every layer asks of a call: its sizes, where its tokens are written, and which of them are pads."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import onnx_ir

from qeff_codegen.decoding.host_graph.building import NewNodes


class Call:
    """Values of a call that are computed once in the graph.

    Args:
        new: where nodes are added.
        position_ids: int64 `[batch_size, seq_len]`, -1 for pads.
        a_cache: any input of keys or values, `[batch_size, heads, slots, head_dim]`.
    """

    def __init__(self, new: NewNodes, position_ids: onnx_ir.Value, a_cache: onnx_ir.Value) -> None:
        self.new = new
        self.position_ids = position_ids
        self._a_cache = a_cache
        self._slots_of_heads: dict[int, onnx_ir.Value] = {}
        self._shapes: dict[tuple[int, ...], onnx_ir.Value] = {}
        self._biases: dict[onnx_ir.Value, onnx_ir.Value] = {}
        self._biases_of_groups: dict[onnx_ir.Value, onnx_ir.Value] = {}

    @cached_property
    def _rows(self) -> onnx_ir.Value:
        return self.new.node("Shape", self.position_ids, attributes={"start": 0, "end": 1})

    @cached_property
    def _seq_len(self) -> onnx_ir.Value:
        return self.new.node("Shape", self.position_ids, attributes={"start": 1, "end": 2})

    @cached_property
    def _slots(self) -> onnx_ir.Value:
        return self.new.node("Shape", self._a_cache, attributes={"start": 2, "end": 3})

    @cached_property
    def table_rows(self) -> onnx_ir.Value:
        """Positions, and any row of a table for pads."""
        return self.new.node("Max", self.position_ids, self.new.integers(0))

    def scores_shape(self, *heads: int) -> onnx_ir.Value:
        """The shape `[batch_size, *heads, seq_len, slots]`."""
        if heads not in self._shapes:
            sizes = (self._rows, self.new.integers(*heads), self._seq_len, self._slots)
            self._shapes[heads] = self.new.node("Concat", *sizes, attributes={"axis": 0})
        return self._shapes[heads]

    def slots_of(self, heads: int) -> onnx_ir.Value:
        """int64 `[batch_size, heads, seq_len, 3]`, where `ScatterND` writes a call's keys or values.

        A pad's slot is the last one.
        """
        if heads not in self._slots_of_heads:
            new = self.new
            shape = new.node("Concat", self._rows, new.integers(heads), self._seq_len, attributes={"axis": 0})
            number = new.node("Squeeze", self._rows)
            rows = new.node("Range", new.constant(np.array(0)), number, new.constant(np.array(1)))
            of_axes = (
                new.node("Reshape", rows, new.integers(-1, 1, 1)),
                new.constant(np.arange(heads)[None, :, None]),
                new.node("Unsqueeze", self.position_ids, new.integers(1)),
            )
            whole = [new.node("Unsqueeze", new.node("Expand", axis, shape), new.integers(3)) for axis in of_axes]
            self._slots_of_heads[heads] = new.node("Concat", *whole, attributes={"axis": 3})
        return self._slots_of_heads[heads]

    def bias_of(self, mask: onnx_ir.Value) -> onnx_ir.Value:
        """float32 `[batch_size, 1, seq_len, slots]`, minus infinity where the mask is true, otherwise 0.

        A pad's row is 0 everywhere. It attended to nothing, and became NaN; now it becomes numbers that nobody reads,
        which may lie in the cache beside those that are read.
        """
        if mask not in self._biases:
            new = self.new
            is_token = new.node("GreaterOrEqual", self.position_ids, new.integers(0))
            forbidden = new.node("And", mask, new.node("Unsqueeze", is_token, new.integers(1, 3)))
            least, zero = (new.constant(np.array(number, np.float32)) for number in (-np.inf, 0))
            self._biases[mask] = new.node("Where", forbidden, least, zero)
        return self._biases[mask]

    def bias_of_groups(self, mask: onnx_ir.Value) -> onnx_ir.Value:
        """The same with an axis for the heads of a group: `[batch_size, 1, 1, seq_len, slots]`."""
        if mask not in self._biases_of_groups:
            self._biases_of_groups[mask] = self.new.node("Unsqueeze", self.bias_of(mask), self.new.integers(1))
        return self._biases_of_groups[mask]
