"""The attention mask of a preallocated KV cache.

Where a layer keeps the whole context, a token's slot is its position. Where it keeps a window (`runtime.windows`), the
mask is as long as what the layer reads, and looks at the positions that stand there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.windows import chunk, key_positions, sliding


@dataclass
class Blocks:
    """Runs of tokens that attend to one another both ways, the later ones too. Each run is in one call.

    Attributes:
        last: int64 `[batch_size, seq_len]`, the position of the last token of a query's run; its own outside of any.
        first: the same of the first token, where a layer with a window sees all of a run; None where it sees what of
            the run lies in the window.
        in_windows: whether only layers with a window let them attend to later ones.
        is_used: whether a mask was made with it.
    """

    last: torch.Tensor
    first: torch.Tensor | None = None
    in_windows: bool = False
    is_used: bool = False


_BLOCKS: ContextVar[Blocks | None] = ContextVar("runs of tokens that attend to one another", default=None)


@contextmanager
def attending_within(blocks: Blocks | None) -> Iterator[None]:
    """Has every mask that is made in the meantime let the tokens of a run attend to one another, if there are runs.

    Raises:
        UsageError: a text model made its mask by itself, with which they would attend to what came before alone.
    """
    token = _BLOCKS.set(blocks)
    try:
        yield
    finally:
        _BLOCKS.reset(token)
    if blocks is not None and not blocks.is_used:
        raise UsageError("The text model makes a mask of its own, in which image tokens cannot attend to one another.")


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
    keys = torch.arange(target_length, device=position_ids.device) if kept is None else kept
    blocks = _BLOCKS.get()
    if blocks is not None:
        blocks.is_used = True
    if blocks is None or (blocks.in_windows and sliding_window is None):
        mask = keys > query_positions
    else:
        mask = keys > blocks.last[:, None, :, None]
    if sliding_window is not None:
        before_window = keys <= query_positions - sliding_window
        if blocks is not None and blocks.first is not None:
            before_window = before_window & (keys < blocks.first[:, None, :, None])
        mask = mask | before_window
    return mask if kept is None else mask | (kept < 0)


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
    if _BLOCKS.get() is not None:
        raise UsageError("The text model attends in chunks, in which image tokens cannot attend to one another.")
    query_positions = position_ids[:, None, :, None]
    chunk_start = torch.div(query_positions, chunk_size, rounding_mode="floor") * chunk_size
    kept = key_positions(position_ids, target_length, chunk(chunk_size))
    if kept is not None:
        return (kept > query_positions) | (kept < chunk_start) | (kept < 0)
    slots = torch.arange(target_length, device=position_ids.device)
    return (slots > query_positions) | (slots < chunk_start)
