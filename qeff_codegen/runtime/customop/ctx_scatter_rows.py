"""`CtxScatterCB3D`: write single values into the rows that `batch_index` names, as the sampler's buffers need it."""

from __future__ import annotations

from functools import cache
from typing import Any

import onnxscript
import torch

from qeff_codegen.runtime.constants import INVALID_INDEX, ONNX_EXPORT_OPSET
from qeff_codegen.runtime.customop.onnx_nodes import are_onnx_nodes, onnx_node
from qeff_codegen.runtime.customop.opsets import CLOUD, standard_operators


@cache
def ctx_scatter_cb_3d_function(opset: int) -> Any:
    """`CtxScatterCB3D` as an ONNX function, written in the operators of `opset`."""
    ops = standard_operators(opset)

    @onnxscript.script(CLOUD)
    def CtxScatterCB3D(
        data: onnxscript.BOOL,
        batch_index: onnxscript.INT64,
        position_ids: onnxscript.INT64,
        updates: onnxscript.BOOL,
    ) -> onnxscript.BOOL:
        # Constants, because onnxscript gives a literal the type of what stands beside it, by a CastLike.
        begin = ops.Constant(value_ints=[0])
        single = ops.Constant(value_ints=[1])
        width = ops.Shape(data, start=1, end=2)
        # onnxruntime refuses an index out of range, so dropped writes go to a column behind the last, cut off again.
        extended = ops.Concat(data, ops.Slice(data, begin, single, single), axis=1)
        column_index = ops.Unsqueeze(ops.Min(position_ids, width), [2])
        row_index = ops.Expand(ops.Unsqueeze(batch_index, [2]), ops.Shape(column_index))
        indices = ops.Concat(row_index, column_index, axis=2)
        return ops.Slice(ops.ScatterND(extended, indices, updates), begin, width, single)

    return CtxScatterCB3D


class CtxScatterFuncCB3D(torch.autograd.Function):
    """Writes `updates` into a copy of `data` at row `batch_index`, column `position_ids`; drops `INVALID_INDEX`."""

    @staticmethod
    def forward(
        ctx: Any, data: torch.Tensor, batch_index: torch.Tensor, position_ids: torch.Tensor, updates: torch.Tensor
    ) -> torch.Tensor:
        """Shapes: data `[F, W]`, batch_index `[B, 1]`, position_ids and updates `[B, S]`; returns `[F, W]`."""
        if are_onnx_nodes():
            return onnx_node(CLOUD.domain, "CtxScatterCB3D", (data, batch_index, position_ids, updates), data.shape)
        written = data.clone()
        row, token = (position_ids != INVALID_INDEX).nonzero(as_tuple=True)
        written[batch_index[row, 0], position_ids[row, token]] = updates[row, token]
        return written

    @staticmethod
    def symbolic(g: Any, data: Any, batch_index: Any, position_ids: Any, updates: Any) -> Any:
        """The ONNX form, called by the TorchScript exporter."""
        return g.onnxscript_op(
            ctx_scatter_cb_3d_function(ONNX_EXPORT_OPSET), data, batch_index, position_ids, updates
        ).setTypeAs(data)
