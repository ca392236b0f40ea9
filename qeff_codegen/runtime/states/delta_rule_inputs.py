"""What the delta rules are given, as they compute with it."""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.parts import refuse_longer_call
from qeff_codegen.runtime.states.valid_tokens import without_pads


def by_heads(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    g: torch.Tensor,
    beta: torch.Tensor,
    position_ids: torch.Tensor,
) -> tuple[torch.Tensor, ...]:
    """Returns the first five as `[batch_size, heads, seq_len, ...]` in float32; pads decay nothing and update nothing.

    Raises:
        ValueError: the call has more tokens than the rules can take.
    """
    refuse_longer_call(key.shape[1])
    key, value, g, beta = (without_pads(tensor, position_ids) for tensor in (key, value, g, beta))
    return tuple(tensor.transpose(1, 2).to(torch.float32) for tensor in (query, key, value, g, beta))


def state_before(initial_state: torch.Tensor | None, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Returns the state that a call begins with, float32; zeros where none is given."""
    if initial_state is None:
        return value.new_zeros(*key.shape[:2], key.shape[-1], value.shape[-1])
    return initial_state.to(torch.float32)
