"""Mamba-2: a state for every head that decays by one number a token and adds the token's outer product."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from qeff_codegen.runtime.states.decay import pairwise_decay
from qeff_codegen.runtime.states.parts import refuse_longer_call
from qeff_codegen.runtime.states.valid_tokens import without_pads


def mamba2_scan(
    hidden_states: torch.Tensor,
    dt: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    initial_states: torch.Tensor | None,
    position_ids: torch.Tensor,
    D: torch.Tensor | None = None,
    dt_bias: torch.Tensor | None = None,
    dt_softplus: bool = False,
    dt_limit: tuple[float, float] = (0.0, math.inf),
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's `mamba2_chunk_scan`, with a call as one chunk.

    For every token, in float32: `S = exp(dt A) S + dt x B^T; out = S C + D x`.

    Args:
        hidden_states: x, `[batch_size, seq_len, heads, head_dim]`.
        dt: `[batch_size, seq_len, heads]`, the step before its bias.
        A: `[heads]`, negative.
        B: `[batch_size, seq_len, groups, state]`.
        C: the same shape.
        initial_states: `[batch_size, heads, head_dim, state]`; None for zeros.
        position_ids: `[batch_size, seq_len]`, -1 for pads.
        D: `[heads]`, what of a token's input goes past the state.
        dt_bias: `[heads]`.
        dt_softplus: whether the step is what softplus makes of it.
        dt_limit: the smallest and the largest step.

    Returns:
        `[batch_size, seq_len, heads, head_dim]` and the next state, both float32.
    """
    heads, groups = hidden_states.shape[2], B.shape[2]
    refuse_longer_call(hidden_states.shape[1])
    if dt_bias is not None:
        dt = dt + dt_bias.to(dt.dtype)
    if dt_softplus:
        dt = F.softplus(dt)
    smallest, largest = dt_limit
    if (smallest, largest) != (0.0, math.inf):
        # A bound that is none would be a number in the graph that half precision has not.
        dt = torch.clamp(dt, min=smallest, max=None if largest == math.inf else largest)
    # A step of zero neither decays nor adds; what it is multiplied with must be finite.
    dt, hidden_states, B = (without_pads(tensor, position_ids) for tensor in (dt, hidden_states, B))
    dt, hidden_states, B, C = (tensor.transpose(1, 2).float() for tensor in (dt, hidden_states, B, C))
    stepped = hidden_states * dt.unsqueeze(-1)

    state = stepped.new_zeros(*stepped.shape[:2], stepped.shape[-1], B.shape[-1])
    if initial_states is not None:
        state = initial_states.float()
    log_decay = A.float().unsqueeze(-1) * dt
    decay = pairwise_decay(log_decay, position_ids.shape[1])
    from_start = log_decay.cumsum(-1).exp().unsqueeze(-1)
    in_group = (groups, heads // groups)
    overlap = (C @ B.transpose(-1, -2)).unsqueeze(2) * decay.unflatten(1, in_group)
    to_end = stepped * decay[:, :, -1:].transpose(-1, -2)

    out = overlap.flatten(1, 2) @ stepped
    out = out + (C.unsqueeze(2) @ state.unflatten(1, in_group).transpose(-1, -2)).flatten(1, 2) * from_start
    if D is not None:
        out = out + hidden_states * D.unsqueeze(-1).unsqueeze(-1)
    added = to_end.unflatten(1, in_group).transpose(-1, -2) @ B.unsqueeze(2)
    return out.transpose(1, 2), state * from_start[:, :, -1:] + added.flatten(1, 2)
