"""What each token is given of the token before it, the last one of earlier calls included."""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.parts import refuse_longer_call


def delayed_by_one(
    hidden_states: torch.Tensor, first: torch.Tensor, initial_state: torch.Tensor | None, position_ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gives each token what the token before it has, and keeps what the last one has for the next call.

    Args:
        hidden_states: `[batch_size, seq_len, channels]`.
        first: `[batch_size, 1, channels]`, what the token at position 0 is given.
        initial_state: `[batch_size, 1, 1, channels]`; None where every row begins.
        position_ids: `[batch_size, seq_len]`, -1 for pads.

    Returns:
        `[batch_size, seq_len, channels]` in the type of `hidden_states`, and the next state, of four axes and float32.
    """
    refuse_longer_call(hidden_states.shape[1])
    before = first.float()
    if initial_state is not None:
        before = torch.where((position_ids[:, :1] == 0).unsqueeze(-1), before, initial_state[:, 0].float())
    every = torch.cat([before, hidden_states.float()], dim=1)
    # A row's tokens stand before its pads; one without tokens keeps what stood before them.
    last = (position_ids >= 0).sum(1)[:, None, None].expand(-1, 1, every.shape[2])
    return every[:, :-1].to(hidden_states.dtype), every.gather(1, last).unsqueeze(1)
