"""`CtxScatter` and `CtxGather`: write and read a KV cache whose row is the input's row.

Each operator exists twice, and the two forms agree: the PyTorch form runs in eager mode, the ONNX form travels
inside the exported model as a local function. The compiler replaces the operator by its name; the ONNX body is
what onnxruntime executes, so no `INVALID_INDEX` may reach one of its gathers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import onnxscript
import torch

from qeff_codegen.runtime.constants import INVALID_INDEX, ONNX_EXPORT_OPSET
from qeff_codegen.runtime.customop.onnx_nodes import are_onnx_nodes, are_zeros, onnx_node
from qeff_codegen.runtime.customop.opsets import CLOUD, standard_operators


@cache
def ctx_scatter_function(opset: int) -> Any:
    """`CtxScatter` as an ONNX function, written in the operators of `opset`."""
    ops = standard_operators(opset)

    @onnxscript.script(CLOUD)
    def CtxScatter(
        data: onnxscript.FLOAT, position_ids: onnxscript.INT64, updates: onnxscript.FLOAT
    ) -> onnxscript.FLOAT:
        slots = ops.Expand(ops.Unsqueeze(position_ids, [1, 3]), ops.Shape(updates))
        return ops.ScatterElements(data, slots, updates, axis=2)

    return CtxScatter


@cache
def ctx_gather_function(opset: int) -> Any:
    """`CtxGather` as an ONNX function, written in the operators of `opset`."""
    ops = standard_operators(opset)

    @onnxscript.script(CLOUD)
    def CtxGather(
        data: onnxscript.FLOAT, ctx_indices: onnxscript.INT64, comp_ctx_len: onnxscript.INT64
    ) -> onnxscript.FLOAT:
        invalid = ops.Constant(value_int=INVALID_INDEX)
        first_slot = ops.Constant(value_int=0)
        slots = ops.Where(ops.Equal(ctx_indices, invalid), first_slot, ctx_indices)
        shape = ops.Concat(ops.Shape(data, start=0, end=2), ops.Reshape(comp_ctx_len, [1]), axis=0)
        return ops.GatherND(data, ops.Unsqueeze(ops.Expand(slots, shape), [3]), batch_dims=2)

    return CtxGather


def gathered_type(data: Any) -> Any:
    """Returns the type of what is gathered from a cache: its heads and head size, any rows, any length."""
    cache_type = data.type()
    sizes = cache_type.varyingSizes()
    return cache_type if sizes is None else cache_type.with_sizes([None, sizes[1], None, sizes[3]])


class CtxScatterFunc(torch.autograd.Function):
    """Writes `updates` into a copy of `data` at `position_ids`; a pad's -1 wraps to the last slot."""

    @staticmethod
    def forward(ctx: Any, data: torch.Tensor, position_ids: torch.Tensor, updates: torch.Tensor) -> torch.Tensor:
        """Shapes: data `[B, H, C, D]`, position_ids `[B, S]`, updates `[B, H, S, D]`; returns `[B, H, C, D]`."""
        if are_onnx_nodes():
            return onnx_node(CLOUD.domain, "CtxScatter", (data, position_ids, updates), data.shape)
        if are_zeros():
            return torch.zeros_like(data)
        slots = position_ids.remainder(data.shape[2])
        return data.scatter(2, slots[:, None, :, None].expand_as(updates), updates)

    @staticmethod
    def symbolic(g: Any, data: Any, position_ids: Any, updates: Any) -> Any:
        """The ONNX form, called by the TorchScript exporter."""
        return g.onnxscript_op(ctx_scatter_function(ONNX_EXPORT_OPSET), data, position_ids, updates).setTypeAs(data)


class CtxGatherFunc(torch.autograd.Function):
    """Reads the slots `ctx_indices` of every head; an `INVALID_INDEX` reads slot 0, for the caller to mask."""

    @staticmethod
    def forward(ctx: Any, data: torch.Tensor, ctx_indices: torch.Tensor, comp_ctx_len: int) -> torch.Tensor:
        """Shapes: data `[B, H, C, D]`, ctx_indices `[B, 1, L]` where L is `comp_ctx_len`; returns `[B, H, L, D]`."""
        shape = (*data.shape[:2], ctx_indices.shape[2], data.shape[3])
        if are_zeros():
            return data.new_zeros(shape)
        if are_onnx_nodes():
            return onnx_node(CLOUD.domain, "CtxGather", (data, ctx_indices, comp_ctx_len), shape)
        slots = ctx_indices.masked_fill(ctx_indices == INVALID_INDEX, 0)
        return data.gather(2, slots.unsqueeze(-1).expand(-1, data.shape[1], -1, data.shape[3]))

    @staticmethod
    def symbolic(g: Any, data: Any, ctx_indices: Any, comp_ctx_len: Any) -> Any:
        """The ONNX form, called by the TorchScript exporter."""
        return g.onnxscript_op(ctx_gather_function(ONNX_EXPORT_OPSET), data, ctx_indices, comp_ctx_len).setType(
            gathered_type(data)
        )
