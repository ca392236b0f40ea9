"""A linear recurrence by channels: every channel of a token decays what the channel has gathered, and adds to it."""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.mamba_scan import states_after_each_token
from qeff_codegen.runtime.states.parts import refuse_longer_call
from qeff_codegen.runtime.states.valid_tokens import without_pads


def linear_recurrence(
    hidden_states: torch.Tensor,
    recurrent_gate: torch.Tensor,
    initial_state: torch.Tensor | None,
    position_ids: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Upstream's loop over tokens, from any state and for any length.

    For every token, in float32: `S = recurrent_gate S + hidden_states; out = S`.

    Args:
        hidden_states: `[batch_size, seq_len, channels]`.
        recurrent_gate: the same shape, what is left of the state.
        initial_state: `[batch_size, 1, 1, channels]`; None for zeros.
        position_ids: `[batch_size, seq_len]`, -1 for pads.

    Returns:
        `[batch_size, seq_len, channels]` in the type of `hidden_states`, and the next state, of four axes and float32.
    """
    refuse_longer_call(hidden_states.shape[1])
    added = without_pads(hidden_states, position_ids).float().unsqueeze(1)
    decay = torch.where((position_ids >= 0)[:, :, None], recurrent_gate, 1.0).float().unsqueeze(1)
    state = (
        added.new_zeros(added.shape[0], 1, added.shape[3]) if initial_state is None else initial_state[:, 0].float()
    )
    states = states_after_each_token(decay, added, state)
    return states[:, 0].to(hidden_states.dtype), states[:, :, -1:]
