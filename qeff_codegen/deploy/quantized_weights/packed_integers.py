"""Integers of 4 or 8 bits that are packed into words of 32, the first in the lowest bits."""

from __future__ import annotations

import torch

WORD = 32


def unpack_columns(packed: torch.Tensor, bits: int) -> torch.Tensor:
    """The integers in the words of each row: int32 (rows, words) becomes int32 (rows, words * 32 / bits)."""
    shifts = torch.arange(0, WORD, bits, dtype=torch.int32)
    # A shift to the right keeps the sign, which the mask takes away again.
    return ((packed.unsqueeze(-1) >> shifts) & (2**bits - 1)).flatten(-2)


def unpack_rows(packed: torch.Tensor, bits: int) -> torch.Tensor:
    """The integers in the words of each column: int32 (words, columns) becomes int32 (words * 32 / bits, columns)."""
    return unpack_columns(packed.T, bits).T


def add_to_each(packed: torch.Tensor, bits: int) -> torch.Tensor:
    """One more for every integer in packed words, as one addition of words: a carry goes to the next integer."""
    ones = sum(1 << shift for shift in range(0, WORD, bits))
    # Words wrap around, which int64 does not do by itself.
    total = (packed.to(torch.int64) + ones) & (2**WORD - 1)
    return torch.where(total >= 2 ** (WORD - 1), total - 2**WORD, total).to(torch.int32)
