"""Lightning attention: a state for every head that decays by one factor in all tokens and adds an outer product."""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.delta_rule_inputs import state_before
from qeff_codegen.runtime.states.parts import refuse_longer_call


def lightning_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    slope_rate: torch.Tensor,
    initial_state: torch.Tensor | None,
    position_ids: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's loops over blocks and over tokens, with a call as one block.

    For every token, in float32: `S = exp(-slope_rate) S + k v^T; out = q S`.

    Args:
        query: `[batch_size, heads, seq_len, head_dim]`.
        key: the same shape.
        value: the same shape.
        slope_rate: `[heads, 1, 1]`, positive.
        initial_state: `[batch_size, heads, head_dim, head_dim]`; None for zeros.
        position_ids: `[batch_size, seq_len]`, -1 for pads.

    Returns:
        `[batch_size, heads, seq_len, head_dim]` in the type of `query`, and the next state, float32.
    """
    dtype, length = query.dtype, query.shape[2]
    refuse_longer_call(length)
    valid = (position_ids >= 0)[:, None, :, None]
    key, value = (torch.where(valid, tensor, 0.0).float() for tensor in (key, value))
    query, rate = query.float(), slope_rate.float()
    state = state_before(initial_state, key, value)

    numbers = torch.arange(length, device=query.device)
    distance = numbers.unsqueeze(1) - numbers.unsqueeze(0)
    decay = torch.where(distance >= 0, torch.exp(-rate * distance.clamp(min=0)), 0.0)
    from_start = torch.exp(-rate * (numbers + 1).unsqueeze(1))
    out = (query * from_start) @ state + ((query @ key.transpose(-1, -2)) * decay) @ value

    # A row's tokens stand before its pads: behind its last one nothing decays.
    count = (position_ids >= 0).sum(1)[:, None, None, None]
    to_end = torch.exp(-rate * (count - 1 - numbers.unsqueeze(1)).clamp(min=0))
    state = state * torch.exp(-rate * count) + (key * to_end).transpose(-1, -2) @ value
    return out.to(dtype), state
