"""Decays between the tokens of a call, from the logarithm of each token's own decay."""

from __future__ import annotations

import torch


def pairwise_decay(log_decay: torch.Tensor, length: int) -> torch.Tensor:
    """Returns by how much what token `j` wrote has decayed when token `i` reads it; zero for `j > i`.

    Each sum starts at its own `j`: the difference of two sums from the first token would lose the digits of a small
    decay behind large ones. What lies ahead is a sum of nothing, so its exponential is 1, and multiplied by zero; to
    replace it would take ONNX Runtime five times as long.

    Args:
        log_decay: `[..., length]`, not positive.
        length: made of the call's, not of the tensor's: what depends on nothing else is computed once for all layers.

    Returns:
        `[..., length, length]`, entry `[i, j]` the exponential of the sum over `j < k <= i`.
    """
    before = torch.ones(length, length, dtype=torch.bool, device=log_decay.device).tril()
    strictly_before = torch.logical_and(before, torch.logical_not(before.transpose(0, 1)))
    summed = torch.where(strictly_before, log_decay.unsqueeze(-1), 0.0).cumsum(-2)
    return summed.exp() * before.to(summed.dtype)
