"""Rotation by position in one operator, `RotaryEmbedding` of ONNX Runtime.

    x * cos + Concat(-x[half:], x[:half]) * sin    -->    RotaryEmbedding(x, positions, cos, sin)

cos and sin are rows of tables, of which both halves are the same: the operator takes one half.
"""

from __future__ import annotations

import numpy as np
import onnx_ir

from qeff_codegen.decoding.host_graph.building import MICROSOFT
from qeff_codegen.decoding.host_graph.call import Call
from qeff_codegen.decoding.host_graph.nodes import behind_casts, either_order, integers, maker


class Rotations:
    """Rewrites the rotations of one graph, whose layers share their tables."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._halves: dict[onnx_ir.Value, onnx_ir.Value | None] = {}

    def rewrite(self, node: onnx_ir.Node) -> None:
        """Rewrite the rotation that ends in this node, if one does."""
        if node.op_type != "Add":
            return
        for straight, turned in either_order(node):
            found = self._found(straight, turned)
            if found is not None:
                rotated, cos, sin = found
                result = self._call.new.node(
                    "RotaryEmbedding", rotated, self._call.table_rows, cos, sin, domain=MICROSOFT
                )
                node.outputs[0].replace_all_uses_with(result)
                return

    def _found(
        self, straight: onnx_ir.Value, turned: onnx_ir.Value
    ) -> tuple[onnx_ir.Value, onnx_ir.Value, onnx_ir.Value] | None:
        """What is rotated, and the halves of its tables."""
        with_cos, with_sin = maker(straight, "Mul"), maker(turned, "Mul")
        if with_cos is None or with_sin is None:
            return None
        for swapped, sin in either_order(with_sin):
            for rotated, cos in either_order(with_cos):
                sin_half, cos_half = self._half_of(sin), self._half_of(cos)
                if sin_half is None or cos_half is None or sin_half.shape != cos_half.shape:
                    continue
                assert cos_half.shape is not None
                half = cos_half.shape[1]
                if isinstance(half, int) and _swaps_halves(swapped, rotated, half):
                    return rotated, cos_half, sin_half
        return None

    def _half_of(self, factor: onnx_ir.Value) -> onnx_ir.Value | None:
        """One half of the table whose rows `factor` is, of every token's position, the same for all heads."""
        unsqueeze = maker(factor, "Unsqueeze")
        if unsqueeze is None or integers(unsqueeze.inputs[1]) != [1] or unsqueeze.inputs[0] is None:
            return None
        gather = maker(behind_casts(unsqueeze.inputs[0]), "Gather")
        if gather is None or gather.inputs[1] is not self._call.position_ids:
            return None
        table = gather.inputs[0]
        if table is None or table.const_value is None or gather.attributes.get_int("axis", 0) != 0:
            return None
        if table not in self._halves:
            self._halves[table] = self._made_half(table)
        return self._halves[table]

    def _made_half(self, table: onnx_ir.Value) -> onnx_ir.Value | None:
        assert table.const_value is not None
        rows = table.const_value.numpy()
        if rows.ndim != 2 or rows.dtype != np.float32:
            return None
        first, second = np.split(rows[:, : rows.shape[1] // 2 * 2], 2, axis=1)
        if rows.shape[1] % 2 or not np.array_equal(first, second):
            return None
        return self._call.new.initializer(f"{table.name}_half", np.ascontiguousarray(first))


def _swaps_halves(swapped: onnx_ir.Value, rotated: onnx_ir.Value, half: int) -> bool:
    """Whether it is the second half with its sign changed, and then the first."""
    concat = maker(swapped, "Concat")
    if concat is None or len(concat.inputs) != 2 or concat.attributes["axis"].as_int() not in (-1, 3):
        return False
    negated = maker(concat.inputs[0], "Neg")
    second = None if negated is None else _slice(negated.inputs[0], rotated)
    first = _slice(concat.inputs[1], rotated)
    return first == (0, half) and second is not None and second[0] == half and second[1] >= 2 * half


def _slice(value: onnx_ir.Value | None, of_value: onnx_ir.Value) -> tuple[int, int] | None:
    """Where a slice of `of_value` along its last axis begins and ends."""
    node = maker(value, "Slice")
    if node is None or node.inputs[0] is not of_value:
        return None
    numbers = [integers(each) for each in node.inputs[1:]]
    starts, ends, axes, steps = [*numbers, [1]][:4]
    if starts is None or ends is None or axes not in ([-1], [3]) or steps != [1] or len(starts) != 1:
        return None
    return starts[0], ends[0]
