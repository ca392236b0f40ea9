"""Solving `(I + L) X = R` for a strictly lower triangular L, in operators that ONNX has.

ONNX has no triangular solve. The product of `I + N^(2^j)` with `N = -L` ends, because N is nilpotent, but its factors
grow like binomials where the entries of L do not decay (keys that repeat), and float32 keeps nothing of the result.
Here every intermediate is the inverse of a diagonal block, as large as the result.
"""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.parts import LONGEST_CALL, cut_off, filled_up, part_length

# Rows are cut into this many parts, which are solved one after another.
PARTS = 4
# Within a part blocks of 1, 2, 4, ... rows are merged in pairs, this many times.
MERGES = (LONGEST_CALL // PARTS - 1).bit_length()


def solve_unit_lower(strictly_lower: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Returns X with `X[i] = right[i] - sum over j < i of strictly_lower[i, j] X[j]`.

    Args:
        strictly_lower: `[batch_size, heads, seq_len, seq_len]`, zero on and above the diagonal.
        right: `[batch_size, heads, seq_len, width]`.
    """
    batch_size, heads, length, width = right.shape
    rows = part_length(length, PARTS)
    filled = rows * PARTS
    blocks = filled_up(filled_up(strictly_lower, filled, axis=2), filled, axis=3).reshape(
        batch_size, heads, PARTS, rows, PARTS, rows
    )
    lower = [[blocks[:, :, part, :, other] for other in range(part + 1)] for part in range(PARTS)]
    parts = filled_up(right, filled, axis=2).reshape(batch_size, heads, PARTS, rows, width)
    inverses = _unit_lower_inverse(torch.stack([lower[part][part] for part in range(PARTS)], dim=2))

    solved: list[torch.Tensor] = []
    for part in range(PARTS):
        rest = parts[:, :, part]
        for other in range(part):
            rest = rest - lower[part][other] @ solved[other]
        solved.append(inverses[:, :, part] @ rest)
    return cut_off(torch.stack(solved, dim=2).flatten(2, 3), length, axis=2)


def _unit_lower_inverse(strictly_lower: torch.Tensor) -> torch.Tensor:
    """Returns the inverse of `I + strictly_lower`, `[..., rows, rows]` with at most `2 ** MERGES` rows.

    The inverse of a block of twice the size is `[[X, 0], [-Y L X, Y]]`, made of its halves' inverses X and Y. All
    blocks of a size are merged in one step: where a merge goes beyond the last row, it adds nothing.
    """
    rows = torch.arange(strictly_lower.shape[-1], device=strictly_lower.device)
    sizes = torch.tensor([0.5**merge for merge in range(MERGES + 1)], device=strictly_lower.device)
    block = (rows * sizes.unsqueeze(1)).floor()
    same_block = block.unsqueeze(2) == block.unsqueeze(1)
    same_pair = torch.logical_and(same_block[1:], torch.logical_not(same_block[:-1])).to(strictly_lower.dtype)

    inverse = same_block[0].to(strictly_lower.dtype) - strictly_lower * same_pair[0]
    for merge in range(1, MERGES):
        inverse = inverse - inverse @ ((strictly_lower * same_pair[merge]) @ inverse)
    return inverse
