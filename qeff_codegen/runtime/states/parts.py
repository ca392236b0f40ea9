"""Cutting a call's tokens into equal parts, and how long a call may be."""

from __future__ import annotations

import torch

# Tokens of one call. The number of steps that a graph takes over the tokens is fixed when it is traced.
LONGEST_CALL = 1024


def refuse_longer_call(length: int) -> None:
    """Raises ValueError where a call has more tokens than the states' functions can take.

    Only outside tracing: a graph's lengths are not known, so whoever makes the calls of a graph looks himself.
    """
    if not (torch.jit.is_tracing() or torch.compiler.is_exporting()) and length > LONGEST_CALL:
        raise ValueError(
            f"a call of {length} tokens was made of a layer that keeps a recurrent state, which takes at most "
            f"{LONGEST_CALL}: pass the prompt in chunks of at most {LONGEST_CALL} tokens"
        )


def part_length(length: int, parts: int) -> int:
    """Returns how many tokens each of `parts` holds, the last ones filled up: `ceil(length / parts)`."""
    if torch.jit.is_tracing():
        # A length is a tensor there, and the exporter takes `//` of tensors for a truncation.
        rounded_up = torch.as_tensor(length) + (parts - 1)
        return torch.div(rounded_up, parts, rounding_mode="floor")  # type: ignore[return-value]
    return (length + parts - 1) // parts
