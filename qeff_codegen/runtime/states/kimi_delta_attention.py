"""Kimi delta attention: the gated delta rule with a decay for every channel of the key."""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.decay import pairwise_decay
from qeff_codegen.runtime.states.delta_rule_inputs import by_heads, state_before
from qeff_codegen.runtime.states.parts import cut_off, filled_up, fixed, part_length
from qeff_codegen.runtime.states.unit_triangular import PARTS, solve_unit_lower


def kimi_delta_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    g: torch.Tensor,
    beta: torch.Tensor,
    initial_state: torch.Tensor | None,
    position_ids: torch.Tensor,
    use_qk_l2norm_in_kernel: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's `chunk_kimi_delta_attention` and `recurrent_kimi_delta_attention`, with a call as one chunk.

    For every token, in float32: `S = exp(g) S` by rows of S, then as in the gated delta rule.

    Args:
        query: `[batch_size, seq_len, heads, key_dim]`.
        key: the same shape.
        value: `[batch_size, seq_len, heads, value_dim]`.
        g: `[batch_size, seq_len, heads, key_dim]`, the logarithm of the decay.
        beta: `[batch_size, seq_len, heads]`, the strength of the update.
        initial_state: `[batch_size, heads, key_dim, value_dim]`; None for zeros.
        position_ids: `[batch_size, seq_len]`, -1 for pads.
        use_qk_l2norm_in_kernel: whether queries and keys are brought to length 1 here.

    Returns:
        `[batch_size, seq_len, heads, value_dim]` in the type of `query`, and the next state, float32.
    """
    dtype = query.dtype
    query, key, value, g, beta = by_heads(query, key, value, g, beta, position_ids)
    if use_qk_l2norm_in_kernel:
        query, key = _of_length_one(query), _of_length_one(key)
    query = query * (1 / query.shape[-1] ** 0.5)

    state = state_before(initial_state, key, value)
    key_beta = key * beta.unsqueeze(-1)
    from_start_decay = g.cumsum(2).exp()
    to_learn = value * beta.unsqueeze(-1) - (key_beta * from_start_decay) @ state
    out = (query * from_start_decay) @ state
    state = state * from_start_decay[:, :, -1:].transpose(-1, -2)

    # Filled up as tokens, which are rows: matrices of tokens by tokens would have to be taken apart for it.
    length = position_ids.shape[1]
    rows = part_length(length, PARTS)
    query, key, key_beta, g, to_learn = (
        filled_up(tensor, length, rows * PARTS, axis=2) for tensor in (query, key, key_beta, g, to_learn)
    )
    overlap, attention = _decayed_products((key_beta, query), key, g, rows)
    updates = solve_unit_lower(overlap, to_learn, rows)

    out = out + cut_off(attention, length, axis=2) @ updates
    key_at_end = key * _sums_behind(g, rows * PARTS).exp()
    return out.transpose(1, 2).to(dtype), state + key_at_end.transpose(-1, -2) @ updates


def _decayed_products(
    lefts: tuple[torch.Tensor, ...], key: torch.Tensor, log_decay: torch.Tensor, rows: int
) -> tuple[torch.Tensor, ...]:
    """Returns, for each of `lefts`, `sum over c of left[i, c] key[j, c] decay(j to i, c)`; zero for `j > i`.

    The exponential of a difference cannot be split into one factor for `i` and one for `j`: one of them would
    overflow. It can where a token between them is taken as the middle, which for tokens of two parts is the start of
    the later one: both factors are at most 1. Within a part the decay of every pair of tokens is laid out.

    Args:
        lefts: each `[batch_size, heads, PARTS * rows, key_dim]`.
        key: the same shape.
        log_decay: the same shape.
        rows: of a part.

    Returns:
        For each of `lefts` `[batch_size, heads, PARTS * rows, PARTS * rows]`.
    """
    heads, width = fixed(key.shape[1]), fixed(key.shape[3])

    def in_parts(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.reshape(-1, heads, PARTS, rows, width)

    key, log_decay = in_parts(key), in_parts(log_decay)
    since_start = log_decay.cumsum(3)
    # [batch_size, heads, later part, earlier part, row of the earlier part, key_dim]
    later, earlier = _part_numbers(key.device)
    between = _sums_between_parts(since_start[:, :, :, -1], later, earlier)
    decayed_key = key.unsqueeze(2) * (between + _sums_behind(log_decay, rows).unsqueeze(2)).exp()
    decayed_key = torch.where((earlier < later)[:, :, None, None], decayed_key, 0.0)
    decayed_key = decayed_key.reshape(-1, heads, PARTS, rows * PARTS, width).transpose(-1, -2)

    # [batch_size, heads, part, key_dim, row, earlier row]
    within = pairwise_decay(log_decay.transpose(-1, -2), rows) * key.transpose(-1, -2).unsqueeze(-2)
    same_part = (earlier == later).to(key.dtype)[:, None, :, None]

    products = []
    for left in lefts:
        left = in_parts(left)
        across = (left * since_start.exp()) @ decayed_key
        inside = (left.transpose(-1, -2).unsqueeze(-1) * within).sum(3)
        inside = (inside.unsqueeze(4) * same_part).reshape(-1, heads, PARTS, rows, rows * PARTS)
        products.append((across + inside).reshape(-1, heads, rows * PARTS, rows * PARTS))
    return tuple(products)


def _sums_behind(tensor: torch.Tensor, rows: int) -> torch.Tensor:
    """Returns for each row of `[..., rows, width]` the sum of the rows behind it.

    A difference of sums would lose the digits of a small one.
    """
    return torch.ones(rows, rows, dtype=tensor.dtype, device=tensor.device).triu(1) @ tensor


def _part_numbers(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the numbers of parts as a column and as a row."""
    parts = torch.arange(PARTS, device=device)
    return parts.unsqueeze(1), parts.unsqueeze(0)


def _sums_between_parts(whole: torch.Tensor, later: torch.Tensor, earlier: torch.Tensor) -> torch.Tensor:
    """Returns the sum of what stands strictly between two parts.

    Args:
        whole: the sum of each part, `[batch_size, heads, PARTS, key_dim]`.
        later: the numbers of parts, as a column.
        earlier: the same, as a row.

    Returns:
        `[batch_size, heads, later part, earlier part, 1, key_dim]`.
    """
    parts = torch.arange(PARTS, device=whole.device)
    counted = (parts > earlier.unsqueeze(-1)) & (parts < later.unsqueeze(-1))
    sums = counted.to(whole.dtype).reshape(PARTS * PARTS, PARTS) @ whole
    return sums.unflatten(2, (PARTS, PARTS)).unsqueeze(4)


def _of_length_one(tensor: torch.Tensor) -> torch.Tensor:
    """Upstream's `l2norm` of these families, with its epsilon."""
    return tensor / torch.sqrt((tensor * tensor).sum(dim=-1, keepdim=True) + 1e-6)
