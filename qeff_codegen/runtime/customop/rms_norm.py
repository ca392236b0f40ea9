"""`CustomRMSNorm`: an RMS norm as one operator, which the compiler computes without splitting it.

The modules take an upstream norm's place by having its `__class__` assigned, so they read what upstream's
`__init__` left: `weight`, and epsilon as `variance_epsilon` or `eps`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import onnxscript
import torch
from torch import nn

from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET
from qeff_codegen.runtime.customop.onnx_nodes import are_onnx_nodes, are_zeros, onnx_node
from qeff_codegen.runtime.customop.opsets import AISW, standard_operators


@cache
def rms_norm_function(opset: int) -> Any:
    """`CustomRMSNorm` as an ONNX function, written in the operators of `opset`."""
    ops = standard_operators(opset)

    @onnxscript.script(AISW)
    def CustomRMSNorm(hidden_states: onnxscript.FLOAT, weight: onnxscript.FLOAT, epsilon: float) -> onnxscript.FLOAT:
        # Written as onnxruntime recognises it, which then computes it as one operator too.
        wide = ops.Cast(hidden_states, to=1)
        variance = ops.ReduceMean(ops.Pow(wide, ops.Constant(value_float=2.0)), axes=[-1], keepdims=1)
        deviation = ops.Sqrt(ops.Add(variance, ops.Constant(value_float=epsilon)))
        return ops.Mul(weight, ops.CastLike(ops.Div(wide, deviation), weight))

    return CustomRMSNorm


class CustomRMSNormFunc(torch.autograd.Function):
    """Normalises in float32 whatever the input's type, as upstream does, then scales in the input's type."""

    @staticmethod
    def forward(ctx: Any, hidden_states: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        """Shapes: hidden_states `[..., hidden]`, weight `[hidden]`; returns the shape of hidden_states."""
        if are_onnx_nodes():
            inputs = (hidden_states, weight)
            return onnx_node(AISW.domain, "CustomRMSNorm", inputs, hidden_states.shape, epsilon=epsilon)
        if are_zeros():
            return torch.zeros_like(hidden_states)
        # A copy, because the exporter would otherwise take a conversion that changes nothing for the input itself.
        wide = hidden_states.to(torch.float32, copy=True)
        variance = wide.square().mean(-1, keepdim=True)
        return weight * (wide * torch.rsqrt(variance + epsilon)).to(hidden_states.dtype)

    @staticmethod
    def symbolic(g: Any, hidden_states: Any, weight: Any, epsilon: float) -> Any:
        """The ONNX form, called by the TorchScript exporter."""
        return g.onnxscript_op(
            rms_norm_function(ONNX_EXPORT_OPSET), hidden_states, weight, epsilon_f=epsilon
        ).setTypeAs(hidden_states)


class CustomRMSNormAIC(nn.Module):
    """Takes the place of an upstream norm that computes `weight * normalised`."""

    weight: nn.Parameter

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Shape: `[..., hidden]`, in and out."""
        epsilon = self.variance_epsilon if hasattr(self, "variance_epsilon") else self.eps
        return CustomRMSNormFunc.apply(hidden_states, self.weight, epsilon)


class GemmaCustomRMSNormAIC(CustomRMSNormAIC):
    """Takes the place of an upstream norm that computes `(1 + weight) * normalised`."""

    def __qeff_init__(self) -> None:
        """Folds the 1 into the weight, once; upstream's weights must be loaded before.

        The module gets a weight of its own, so that a parameter two norms share is not raised twice.
        """
        if not hasattr(self, "_one_is_folded"):
            self.weight = nn.Parameter(self.weight.detach() + 1.0, requires_grad=self.weight.requires_grad)
            self._one_is_folded = True
