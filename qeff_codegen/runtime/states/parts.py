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
    """Returns how many tokens each of `parts` holds, the last ones filled up: `ceil(length / parts)`.

    While a graph is traced the division is one of tensors. TorchScript has lengths as tensors, and its exporter takes
    `//` for a truncation. torch.export would reason about the quotient, and fix the length where it cannot conclude;
    a number that was read from a tensor it takes as it is.
    """
    if torch.jit.is_tracing():
        rounded_up = torch.as_tensor(length) + (parts - 1)
        return torch.div(rounded_up, parts, rounding_mode="floor")  # type: ignore[return-value]
    if torch.compiler.is_exporting():
        quotient = torch.div(torch.scalar_tensor(length + parts - 1, dtype=torch.int64), parts, rounding_mode="floor")
        rows = quotient.item()
        torch._check(rows >= 1)
        return rows  # type: ignore[return-value]
    return (length + parts - 1) // parts


def fixed(size: int) -> int:
    """Returns a size that is the same in every call, as a number.

    While TorchScript traces, it would be one that the graph asks each layer's tensors for.
    """
    return int(size)


def filled_up(tensor: torch.Tensor, own: int, length: int, axis: int, value: float = 0.0) -> torch.Tensor:
    """Returns `tensor` with `length` entries along `axis`, those behind its own being `value`.

    Args:
        tensor: what is filled up.
        own: how many entries it has; made of the call's length, it is the same number for all layers.
        length: how many it is to have.
        axis: not negative.
        value: of what is added.
    """
    numbers = torch.arange(length, device=tensor.device)
    behind = (numbers >= own).reshape(-1, *(1 for _ in range(tensor.dim() - 1 - axis)))
    return torch.where(behind, value, tensor.index_select(axis, numbers.clamp(max=own - 1)))


def cut_off(tensor: torch.Tensor, length: int, axis: int) -> torch.Tensor:
    """Returns the first `length` entries along `axis`; by index, since a slice would compare it with what there is."""
    return tensor.index_select(axis, torch.arange(length, device=tensor.device))
