"""Attention to the keys that an indexer scores highest, of those that may be attended to."""

from __future__ import annotations

import math

import torch


def all_but_largest(index_scores: torch.Tensor, attention_mask: torch.Tensor, count: int) -> torch.Tensor:
    """Returns the mask by which each token attends to the `count` keys of the largest scores alone.

    Where there are no more than `count` keys, it attends to all of them. The choice is made among keys that the mask
    allows, so what stands in slots of the cache that nobody wrote has no part in it. How many are chosen does not
    depend on the context's length: scores that nothing is less than are put behind the last key.

    Args:
        index_scores: `[batch_size, seq_len, ctx_len]`.
        attention_mask: the same shape, boolean, true where a key may not be attended to.
        count: how many keys each token attends to.

    Returns:
        The same shape, boolean, true where a key may not be attended to.
    """
    allowed = torch.where(attention_mask, -math.inf, index_scores)
    beyond = torch.full((*allowed.shape[:2], count), -math.inf, dtype=allowed.dtype, device=allowed.device)
    scores = torch.cat([allowed, beyond], dim=-1)
    largest = scores.topk(count, dim=-1)[1]
    chosen = torch.zeros_like(scores).scatter(-1, largest, 1.0)[..., : index_scores.shape[-1]]
    return attention_mask | (chosen == 0.0)
