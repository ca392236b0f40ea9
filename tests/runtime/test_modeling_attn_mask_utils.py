from __future__ import annotations

import pytest
import torch

from qeff_codegen.runtime.modeling_attn_mask_utils import _create_causal_mask


@pytest.mark.parametrize("window", [None, 1, 3, 100])
def test_mask_pair_by_pair(window: int | None) -> None:
    position_ids = torch.tensor([[4, 5, -1], [0, 1, 2]])
    mask = _create_causal_mask(position_ids, target_length=7, sliding_window=window)
    assert mask.dtype == torch.bool
    assert mask.shape == (2, 1, 3, 7)
    for row in range(2):
        for query in range(3):
            position = int(position_ids[row, query])
            first = 0 if window is None else max(0, position - window + 1)
            seen = [slot for slot in range(7) if not mask[row, 0, query, slot]]
            assert seen == list(range(first, position + 1))
