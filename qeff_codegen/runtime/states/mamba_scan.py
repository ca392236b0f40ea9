"""Mamba-1: a state for every channel that decays by another number in each of its entries."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from qeff_codegen.runtime.states.parts import LONGEST_CALL, cut_off, filled_up, part_length, refuse_longer_call

# Tokens of a part are taken one after another, in all parts at once; then the parts by doubling steps.
PART = 8
DOUBLINGS = (LONGEST_CALL // PART - 1).bit_length()


def mamba_scan(
    hidden_states: torch.Tensor,
    dt: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    initial_state: torch.Tensor | None,
    position_ids: torch.Tensor,
    D: torch.Tensor | None = None,
    z: torch.Tensor | None = None,
    delta_bias: torch.Tensor | None = None,
    delta_softplus: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's `mamba_selective_scan` and `mamba_selective_state_update`, from any state and for any length.

    For every token, the state in float32: `S = exp(dt A) S + dt x B; out = (S C + D x) silu(z)`.

    Args:
        hidden_states: x, `[batch_size, inner, seq_len]`.
        dt: the same shape, the step before its bias.
        A: `[inner, state]`, negative.
        B: `[batch_size, state, seq_len]`.
        C: the same shape.
        initial_state: `[batch_size, 1, inner, state]`; None for zeros.
        position_ids: `[batch_size, seq_len]`, -1 for pads.
        D: `[inner]`, what of a token's input goes past the state.
        z: the shape of `hidden_states`, the gate.
        delta_bias: `[inner]`.
        delta_softplus: whether the step is what softplus makes of it.

    Returns:
        `[batch_size, inner, seq_len]`, and the next state, of four axes and float32.
    """
    refuse_longer_call(hidden_states.shape[-1])
    if delta_bias is not None:
        dt = dt + delta_bias.to(dt.dtype).unsqueeze(-1)
    if delta_softplus:
        dt = F.softplus(dt)
    # A step of zero neither decays nor adds; what it is multiplied with must be finite.
    valid = (position_ids >= 0).unsqueeze(1)
    step, moved, written = (torch.where(valid, tensor, 0.0).float() for tensor in (dt, hidden_states, B))
    decay = (A.float().unsqueeze(1) * step.unsqueeze(-1)).exp()
    added = (step * moved).unsqueeze(-1) * written.transpose(1, 2).unsqueeze(1)
    state = decay.new_zeros(decay.shape[0], *A.shape) if initial_state is None else initial_state[:, 0].float()
    states = states_after_each_token(decay, added, state)

    out = torch.matmul(states.transpose(1, 2).to(C.dtype), C.transpose(1, 2).unsqueeze(-1)).squeeze(-1).transpose(1, 2)
    if D is not None:
        out = out + hidden_states * D.unsqueeze(-1)
    if z is not None:
        out = out * F.silu(z)
    return out, states[:, :, -1].unsqueeze(1)


def states_after_each_token(decay: torch.Tensor, added: torch.Tensor, initial_state: torch.Tensor) -> torch.Tensor:
    """Returns `S[t] = decay[t] S[t - 1] + added[t]` for all tokens, each `[batch_size, inner, seq_len, state]`."""
    batch_size, inner, length, width = decay.shape
    parts = part_length(length, PART)
    # Behind the last token nothing decays and nothing is added, so the last state stays.
    decay, added = (
        filled_up(tensor, length, parts * PART, axis=2, value=value).reshape(batch_size, inner, parts, PART, width)
        for tensor, value in ((decay, 1.0), (added, 0.0))
    )
    decays, states = [decay[:, :, :, 0]], [added[:, :, :, 0]]
    for token in range(1, PART):
        states.append(decay[:, :, :, token] * states[-1] + added[:, :, :, token])
        decays.append(decay[:, :, :, token] * decays[-1])
    before = _states_before_each_part(decays[-1], states[-1], initial_state)
    all_states = torch.stack(states, 3) + torch.stack(decays, 3) * before.unsqueeze(3)
    return cut_off(all_states.flatten(2, 3), length, axis=2)


def _states_before_each_part(decay: torch.Tensor, added: torch.Tensor, initial_state: torch.Tensor) -> torch.Tensor:
    """Returns the state that each part starts from, of what a whole part does, `[batch_size, inner, parts, state]`.

    What the parts since the first do is composed from what half as many do, so the number of parts doubles in each
    step. Where there is no part so far back, nothing changes.
    """
    numbers = torch.arange(decay.shape[2], device=decay.device)
    first = (numbers == 0).unsqueeze(-1)
    # Part p is to hold what parts 0 to p - 1 do.
    previous = (numbers - 1).clamp(min=0)
    decay = torch.where(first, 1.0, decay.index_select(2, previous))
    added = torch.where(first, initial_state.unsqueeze(2), added.index_select(2, previous))
    for doubling in range(DOUBLINGS):
        back = numbers - 2**doubling
        missing = (back < 0).unsqueeze(-1)
        earlier = back.clamp(min=0)
        added = added + decay * torch.where(missing, 0.0, added.index_select(2, earlier))
        decay = decay * torch.where(missing, 1.0, decay.index_select(2, earlier))
    return added
