"""The attention mask of a preallocated KV cache, where a token's slot is its position."""

from __future__ import annotations

import torch


def _create_causal_mask(
    position_ids: torch.Tensor, target_length: int, sliding_window: int | None = None
) -> torch.Tensor:
    """Says which cache slots each query may not attend to.

    The cache keeps the whole context, also for layers with a window: slot `i` holds position `i`.

    Args:
        position_ids: `[batch_size, seq_len]`, -1 for a pad (which may attend to nothing).
        target_length: number of cache slots that attention reads.
        sliding_window: a query sees at most this many positions, its own included; None for all before it.

    Returns:
        bool `[batch_size, 1, seq_len, target_length]`, true where attention is forbidden.
    """
    query_positions = position_ids[:, None, :, None]
    slots = torch.arange(target_length, device=position_ids.device)
    mask = slots > query_positions
    if sliding_window is not None:
        mask = mask | (slots <= query_positions - sliding_window)
    return mask


def _create_chunked_causal_mask(position_ids: torch.Tensor, target_length: int, chunk_size: int) -> torch.Tensor:
    """Says which cache slots each query may not attend to when the context is cut into chunks.

    Args:
        position_ids: `[batch_size, seq_len]`, -1 for a pad.
        target_length: number of cache slots that attention reads.
        chunk_size: a query sees only positions of its own chunk: `[n * chunk_size, (n + 1) * chunk_size)`.

    Returns:
        bool `[batch_size, 1, seq_len, target_length]`, true where attention is forbidden.
    """
    query_positions = position_ids[:, None, :, None]
    slots = torch.arange(target_length, device=position_ids.device)
    chunk_start = torch.div(query_positions, chunk_size, rounding_mode="floor") * chunk_size
    return (slots > query_positions) | (slots < chunk_start)
