"""The attention mask of a preallocated KV cache.

Where a layer keeps the whole context, a token's slot is its position. Where it keeps a window (`runtime.windows`), the
mask is as long as what the layer reads, and looks at the positions that stand there.
"""

from __future__ import annotations

import torch

from qeff_codegen.runtime.windows import chunk, key_positions, sliding


def _create_causal_mask(
    position_ids: torch.Tensor, target_length: int, sliding_window: int | None = None
) -> torch.Tensor:
    """Says which cache slots each query may not attend to.

    Args:
        position_ids: `[batch_size, seq_len]`, -1 for a pad (which may attend to nothing).
        target_length: number of cache slots that attention reads where the whole context is kept.
        sliding_window: a query sees at most this many positions, its own included; None for all before it.

    Returns:
        bool `[batch_size, 1, seq_len, target_length]`, true where attention is forbidden. Where the window is what
        is kept, the last axis is its slots before the call, and then the call's own tokens.
    """
    query_positions = position_ids[:, None, :, None]
    kept = None if sliding_window is None else key_positions(position_ids, target_length, sliding(sliding_window))
    if kept is not None and sliding_window is not None:
        return (kept > query_positions) | (kept <= query_positions - sliding_window) | (kept < 0)
    slots = torch.arange(target_length, device=position_ids.device)
    mask = slots > query_positions
    if sliding_window is not None:
        mask = mask | (slots <= query_positions - sliding_window)
    return mask


def _create_chunked_causal_mask(position_ids: torch.Tensor, target_length: int, chunk_size: int) -> torch.Tensor:
    """Says which cache slots each query may not attend to when the context is cut into chunks.

    Args:
        position_ids: `[batch_size, seq_len]`, -1 for a pad.
        target_length: number of cache slots that attention reads where the whole context is kept.
        chunk_size: a query sees only positions of its own chunk: `[n * chunk_size, (n + 1) * chunk_size)`.

    Returns:
        bool `[batch_size, 1, seq_len, target_length]`, true where attention is forbidden. Where a chunk is what is
        kept, the last axis is as in `_create_causal_mask`.
    """
    query_positions = position_ids[:, None, :, None]
    chunk_start = torch.div(query_positions, chunk_size, rounding_mode="floor") * chunk_size
    kept = key_positions(position_ids, target_length, chunk(chunk_size))
    if kept is not None:
        return (kept > query_positions) | (kept < chunk_start) | (kept < 0)
    slots = torch.arange(target_length, device=position_ids.device)
    return (slots > query_positions) | (slots < chunk_start)
