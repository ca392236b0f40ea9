"""`CtxScatterCB` and `CtxGatherCB`: write and read a KV cache whose row is named by `batch_index`.

With continuous batching a cache row outlives a call, so a pad must leave its row untouched: a write at
`INVALID_INDEX` is dropped. Both forms, PyTorch and ONNX, drop it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import onnxscript
import torch

from qeff_codegen.runtime.constants import INVALID_INDEX, ONNX_EXPORT_OPSET
from qeff_codegen.runtime.customop.ctx_scatter_gather import gathered_type
from qeff_codegen.runtime.customop.onnx_nodes import are_onnx_nodes, are_zeros, onnx_node
from qeff_codegen.runtime.customop.opsets import CLOUD, standard_operators


@cache
def ctx_scatter_cb_function(opset: int) -> Any:
    """`CtxScatterCB` as an ONNX function, written in the operators of `opset`."""
    ops = standard_operators(opset)

    @onnxscript.script(CLOUD)
    def CtxScatterCB(
        data: onnxscript.FLOAT,
        batch_index: onnxscript.INT64,
        position_ids: onnxscript.INT64,
        updates: onnxscript.FLOAT,
    ) -> onnxscript.FLOAT:
        # Constants, because onnxscript gives a literal the type of what stands beside it, by a CastLike.
        begin = ops.Constant(value_ints=[0])
        single = ops.Constant(value_ints=[1])
        slot_axis = ops.Constant(value_ints=[2])
        ctx_len = ops.Shape(data, start=2, end=3)
        # onnxruntime refuses an index out of range, so dropped writes go to a slot behind the last, cut off again.
        extended = ops.Concat(data, ops.Slice(data, begin, single, slot_axis), axis=2)
        slots = ops.Min(position_ids, ctx_len)

        zero = ops.Constant(value_int=0)
        one = ops.Constant(value_int=1)
        heads = ops.Range(zero, ops.Squeeze(ops.Shape(data, start=1, end=2), [0]), one)
        shape = ops.Concat(ops.Shape(updates, start=0, end=3), single, axis=0)
        row_index = ops.Expand(ops.Unsqueeze(batch_index, [2, 3]), shape)
        head_index = ops.Expand(ops.Unsqueeze(heads, [0, 2, 3]), shape)
        slot_index = ops.Expand(ops.Unsqueeze(slots, [1, 3]), shape)
        indices = ops.Concat(row_index, head_index, slot_index, axis=3)
        return ops.Slice(ops.ScatterND(extended, indices, updates), begin, ctx_len, slot_axis)

    return CtxScatterCB


@cache
def ctx_gather_cb_function(opset: int) -> Any:
    """`CtxGatherCB` as an ONNX function, written in the operators of `opset`."""
    ops = standard_operators(opset)

    @onnxscript.script(CLOUD)
    def CtxGatherCB(
        data: onnxscript.FLOAT,
        batch_index: onnxscript.INT64,
        ctx_indices: onnxscript.INT64,
        comp_ctx_len: onnxscript.INT64,
    ) -> onnxscript.FLOAT:
        rows = ops.Gather(data, ops.Squeeze(batch_index, [1]), axis=0)
        invalid = ops.Constant(value_int=INVALID_INDEX)
        first_slot = ops.Constant(value_int=0)
        slots = ops.Where(ops.Equal(ctx_indices, invalid), first_slot, ctx_indices)
        shape = ops.Concat(ops.Shape(rows, start=0, end=2), ops.Reshape(comp_ctx_len, [1]), axis=0)
        return ops.GatherND(rows, ops.Unsqueeze(ops.Expand(slots, shape), [3]), batch_dims=2)

    return CtxGatherCB


class CtxScatterFuncCB(torch.autograd.Function):
    """Writes `updates` into a copy of `data` at row `batch_index`, slot `position_ids`; drops `INVALID_INDEX`."""

    @staticmethod
    def forward(
        ctx: Any, data: torch.Tensor, batch_index: torch.Tensor, position_ids: torch.Tensor, updates: torch.Tensor
    ) -> torch.Tensor:
        """Shapes: data `[F, H, C, D]`, batch_index `[B, 1]`, position_ids `[B, S]`, updates `[B, H, S, D]`."""
        if are_onnx_nodes():
            return onnx_node(CLOUD.domain, "CtxScatterCB", (data, batch_index, position_ids, updates), data.shape)
        if are_zeros():
            return torch.zeros_like(data)
        written = data.clone()
        row, token = (position_ids != INVALID_INDEX).nonzero(as_tuple=True)
        written[batch_index[row, 0], :, position_ids[row, token]] = updates[row, :, token]
        return written

    @staticmethod
    def symbolic(g: Any, data: Any, batch_index: Any, position_ids: Any, updates: Any) -> Any:
        """The ONNX form, called by the TorchScript exporter."""
        return g.onnxscript_op(
            ctx_scatter_cb_function(ONNX_EXPORT_OPSET), data, batch_index, position_ids, updates
        ).setTypeAs(data)


class CtxGatherFuncCB(torch.autograd.Function):
    """Reads the slots `ctx_indices` of the rows `batch_index`; an `INVALID_INDEX` reads slot 0."""

    @staticmethod
    def forward(
        ctx: Any, data: torch.Tensor, batch_index: torch.Tensor, ctx_indices: torch.Tensor, comp_ctx_len: int
    ) -> torch.Tensor:
        """Shapes: data `[F, H, C, D]`, batch_index `[B, 1]`, ctx_indices `[B, 1, L]`; returns `[B, H, L, D]`."""
        shape = (batch_index.shape[0], data.shape[1], ctx_indices.shape[2], data.shape[3])
        if are_zeros():
            return data.new_zeros(shape)
        if are_onnx_nodes():
            return onnx_node(CLOUD.domain, "CtxGatherCB", (data, batch_index, ctx_indices, comp_ctx_len), shape)
        slots = ctx_indices.masked_fill(ctx_indices == INVALID_INDEX, 0)
        rows = data[batch_index.squeeze(1)]
        return rows.gather(2, slots.unsqueeze(-1).expand(-1, data.shape[1], -1, data.shape[3]))

    @staticmethod
    def symbolic(g: Any, data: Any, batch_index: Any, ctx_indices: Any, comp_ctx_len: Any) -> Any:
        """The ONNX form, called by the TorchScript exporter."""
        gathered = g.onnxscript_op(
            ctx_gather_cb_function(ONNX_EXPORT_OPSET), data, batch_index, ctx_indices, comp_ctx_len
        )
        return gathered.setType(gathered_type(data))
