"""What the delta rules are given, as they compute with it."""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.parts import filled_up, part_length, refuse_longer_call
from qeff_codegen.runtime.states.unit_triangular import PARTS
from qeff_codegen.runtime.states.valid_tokens import without_pads


def by_heads(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    g: torch.Tensor,
    beta: torch.Tensor,
    position_ids: torch.Tensor,
) -> tuple[tuple[torch.Tensor, ...], int]:
    """Returns the first five as `[batch_size, heads, PARTS * rows, ...]` in float32, and `rows`.

    What fills a call up to equal parts are pads, and pads decay nothing and update nothing. Filled up here, where a
    token is a row, it costs next to nothing; matrices of tokens by tokens would have to be taken apart for it.

    Raises:
        ValueError: the call has more tokens than the rules can take.
    """
    length = position_ids.shape[1]
    refuse_longer_call(length)
    rows = part_length(length, PARTS)
    filled = rows * PARTS
    positions = filled_up(position_ids, filled, axis=1, value=-1)
    numbers = torch.arange(filled, device=position_ids.device).clamp(max=length - 1)
    query, key, value, g, beta = (tensor.index_select(1, numbers) for tensor in (query, key, value, g, beta))
    key, value, g, beta = (without_pads(tensor, positions) for tensor in (key, value, g, beta))
    return tuple(tensor.transpose(1, 2).to(torch.float32) for tensor in (query, key, value, g, beta)), rows


def state_before(initial_state: torch.Tensor | None, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Returns the state that a call begins with, float32; zeros where none is given."""
    if initial_state is None:
        return value.new_zeros(*key.shape[:2], key.shape[-1], value.shape[-1])
    return initial_state.to(torch.float32)
