"""Solving `(I + L) X = R` for a strictly lower triangular L, in operators that ONNX has.

ONNX has no triangular solve. The product of `I + N^(2^j)` with `N = -L` ends, because N is nilpotent, but its factors
grow like binomials where the entries of L do not decay (keys that repeat), and float32 keeps nothing of the result.
Here every intermediate is the inverse of a diagonal block, as large as the result.
"""

from __future__ import annotations

import torch

from qeff_codegen.runtime.states.parts import LONGEST_CALL, fixed

# Rows are cut into this many parts, whose diagonal blocks are inverted all at once.
PARTS = 8
# Within a part blocks of 1, 2, 4, ... rows are merged in pairs, this many times.
MERGES = (LONGEST_CALL // PARTS - 1).bit_length()
# The parts are merged in pairs too, and the pairs solved one after another.
PAIRS = PARTS // 2


def solve_unit_lower(lower: torch.Tensor, right: torch.Tensor, rows: int) -> torch.Tensor:
    """Returns X with `X[i] = right[i] - sum over j < i of lower[i, j] X[j]`.

    Args:
        lower: `[batch_size, heads, PARTS * rows, PARTS * rows]`, zero above the diagonal; what is on it is not read.
        right: `[batch_size, heads, PARTS * rows, width]`.
        rows: of a part.
    """
    heads, width = fixed(right.shape[1]), fixed(right.shape[3])
    inverses = _inverses_of_pairs(lower, heads, rows)
    blocks = lower.reshape(-1, heads, PAIRS, 2 * rows, PAIRS, 2 * rows)
    rights = right.reshape(-1, heads, PAIRS, 2 * rows, width)
    solved: list[torch.Tensor] = []
    for pair in range(PAIRS):
        rest, of_pair = rights[:, :, pair], blocks[:, :, pair]
        for earlier in range(pair):
            rest = rest - of_pair[:, :, :, earlier] @ solved[earlier]
        solved.append(inverses[:, :, pair] @ rest)
    return torch.cat(solved, dim=2)


def _inverses_of_pairs(lower: torch.Tensor, heads: int, rows: int) -> torch.Tensor:
    """Returns the inverses of the diagonal blocks of two parts each, `[batch_size, heads, PAIRS, 2 * rows, 2 * rows]`.

    With halves that are inverted, that of `[[A, 0], [L, B]]` is `[[X, 0], [-Y L X, Y]]`.
    """
    blocks = lower.reshape(-1, heads, PARTS, rows, PARTS, rows).transpose(3, 4)
    blocks = blocks.reshape(-1, heads, PARTS * PARTS, rows, rows)
    parts = torch.arange(PARTS, device=lower.device)
    inverses = _unit_lower_inverse(blocks.index_select(2, parts * (PARTS + 1)), rows)
    halves = inverses.reshape(-1, heads, PAIRS, 2, rows, rows)
    first, second = halves[:, :, :, 0], halves[:, :, :, 1]
    between = blocks.index_select(2, parts[:PAIRS] * (2 * (PARTS + 1)) + PARTS)
    below = torch.cat([-(second @ (between @ first)), second], dim=-1)
    return torch.cat([torch.cat([first, torch.zeros_like(first)], dim=-1), below], dim=-2)


def _unit_lower_inverse(lower: torch.Tensor, rows: int) -> torch.Tensor:
    """Returns the inverse of `I + lower`, of the entries of `lower` below the diagonal alone.

    The inverse of a block of twice the size is made of its halves' inverses, as above. All blocks of a size are merged
    in one step, by masks: where a merge goes beyond the last row, it adds nothing.

    Args:
        lower: `[..., rows, rows]`, zero above the diagonal.
        rows: at most `2 ** MERGES`.
    """
    numbers = torch.arange(rows, device=lower.device)
    sizes = torch.tensor([0.5**merge for merge in range(MERGES + 1)], device=lower.device)
    block = (numbers * sizes.unsqueeze(1)).floor()
    same_block = block.unsqueeze(2) == block.unsqueeze(1)
    same_pair = torch.logical_and(same_block[1:], torch.logical_not(same_block[:-1])).to(lower.dtype)

    inverse = same_block[0].to(lower.dtype) - lower * same_pair[0]
    for merge in range(1, MERGES):
        inverse = inverse - inverse @ ((lower * same_pair[merge]) @ inverse)
    return inverse
