"""Which of a call's tokens are none, and their removal."""

from __future__ import annotations

import torch


def without_pads(tokens: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
    """Replaces pads by zeros; multiplying would keep the NaN that an attention leaves in a pad.

    Args:
        tokens: `[batch_size, seq_len, ...]`, of three or four axes.
        position_ids: `[batch_size, seq_len]`, -1 for pads.
    """
    valid = position_ids >= 0
    return torch.where(valid[:, :, None] if tokens.dim() == 3 else valid[:, :, None, None], tokens, 0.0)
