"""A depthwise convolution over the columns that a row has kept and those of the call."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from transformers.activations import ACT2FN


def causal_conv1d(
    hidden_states: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, activation: str | None = None
) -> torch.Tensor:
    """Upstream's `causal_conv1d_fn` and `causal_conv1d_update`, the kept columns in place of zeros in front.

    Args:
        hidden_states: `[batch_size, channels, kernel + seq_len]`, as `update_conv_state` returns them.
        weight: `[channels, kernel]`.
        bias: `[channels]`.
        activation: upstream's name of the function that follows.

    Returns:
        `[batch_size, channels, seq_len + 1]`; the last `seq_len` columns are the call's.
    """
    out = F.conv1d(hidden_states.to(weight.dtype), weight.unsqueeze(1), bias, groups=weight.shape[0])
    if activation is not None:
        out = ACT2FN[activation](out)
    return out.to(hidden_states.dtype)
