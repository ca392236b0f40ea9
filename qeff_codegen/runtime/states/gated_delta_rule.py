"""The gated delta rule: a state that decays, forgets what it would answer to a key, and learns the key's value."""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.decay import pairwise_decay
from qeff_codegen.runtime.states.delta_rule_inputs import by_heads, state_before
from qeff_codegen.runtime.states.parts import cut_off, filled_up, fixed, part_length
from qeff_codegen.runtime.states.unit_triangular import PARTS, solve_unit_lower


def gated_delta_rule(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    g: torch.Tensor,
    beta: torch.Tensor,
    initial_state: torch.Tensor | None,
    position_ids: torch.Tensor,
    use_qk_l2norm_in_kernel: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's `torch_chunk_gated_delta_rule` and `torch_recurrent_gated_delta_rule`, with a call as one chunk.

    For every token, in float32: `S = exp(g) S; S = S + beta k (v - k S); out = q S / sqrt(key_dim)`.

    Args:
        query: `[batch_size, seq_len, key_heads, key_dim]`.
        key: the same shape.
        value: `[batch_size, seq_len, value_heads, value_dim]`.
        g: `[batch_size, seq_len, value_heads]`, the logarithm of the decay.
        beta: the same shape, the strength of the update.
        initial_state: `[batch_size, value_heads, key_dim, value_dim]`; None for zeros.
        position_ids: `[batch_size, seq_len]`, -1 for pads.
        use_qk_l2norm_in_kernel: whether queries and keys are brought to length 1 here.

    Returns:
        `[batch_size, seq_len, value_heads, value_dim]` in the type of `query`, and the next state, float32.
    """
    dtype = query.dtype
    query, key, value, g, beta = by_heads(query, key, value, g, beta, position_ids)
    if use_qk_l2norm_in_kernel:
        query, key = _of_length_one(query), _of_length_one(key)
    query = query * query.shape[-1] ** -0.5
    shared = fixed(value.shape[1]) // fixed(key.shape[1])
    if shared > 1:
        query, key = (repeated_heads(tensor, shared) for tensor in (query, key))

    state = state_before(initial_state, key, value)
    from_start = g.cumsum(-1).exp().unsqueeze(-1)
    key_beta = key * beta.unsqueeze(-1)
    to_learn = value * beta.unsqueeze(-1) - (key_beta * from_start) @ state

    # Filled up as tokens, which are rows: matrices of tokens by tokens would have to be taken apart for it.
    length = position_ids.shape[1]
    rows = part_length(length, PARTS)
    key, key_beta, g, to_learn = (
        filled_up(tensor, length, rows * PARTS, axis=2) for tensor in (key, key_beta, g, to_learn)
    )
    decay = pairwise_decay(g, rows * PARTS)
    key_of_all = key.transpose(-1, -2)
    updates = solve_unit_lower((key_beta @ key_of_all) * decay, to_learn, rows)

    attention = (query @ key_of_all) * cut_off(decay, length, axis=2)
    out = (query * from_start) @ state + attention @ updates
    to_end = decay[:, :, -1:].transpose(-1, -2)
    state = state * from_start[:, :, -1:] + (key * to_end).transpose(-1, -2) @ updates
    return out.transpose(1, 2).to(dtype), state


def repeated_heads(tensor: torch.Tensor, times: int) -> torch.Tensor:
    """Repeats each head of `[batch_size, fewer_heads, seq_len, width]` for the `times` heads that share it."""
    heads = torch.arange(fixed(tensor.shape[1]) * times, device=tensor.device)
    return tensor.index_select(1, torch.div(heads, times, rounding_mode="floor"))


def _of_length_one(tensor: torch.Tensor) -> torch.Tensor:
    """Upstream's `l2norm`, with its epsilon."""
    return tensor * torch.rsqrt((tensor * tensor).sum(dim=-1, keepdim=True) + 1e-6)
