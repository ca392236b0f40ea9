"""Attention over blocks of keys against attention over all of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.key_blocks import ask_for_key_blocks, check_key_blocks, over_key_blocks
from tests.runtime.toy_llama import qeff_llama, upstream_llama


def attention(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, **kwargs: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    scores = torch.where(mask, -math.inf, torch.matmul(query, key.transpose(2, 3)))
    weights = torch.softmax(scores, dim=-1)
    return torch.matmul(weights, value).transpose(1, 2), weights, torch.logsumexp(scores, dim=-1, keepdim=True)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 15), st.integers(0, 2**16), st.sampled_from([0.1, 1.0, 40.0]), st.booleans())
def test_blocks_add_up(keys: int, blocks: int, seed: int, scale: float, first_key_is_hidden: bool) -> None:
    torch.manual_seed(seed)
    query, key, value = (torch.randn(2, 3, length, 4) for length in (5, keys, keys))
    mask = torch.rand(2, 1, 5, keys) < 0.5
    # Every query sees a key: what a row of pads gets is never read.
    mask[..., -1 if first_key_is_hidden else 0] = False
    whole, weights = over_key_blocks(attention, 1)(None, query * scale, key, value, mask)
    blocked, none = over_key_blocks(attention, blocks)(None, query * scale, key, value, mask)
    torch.testing.assert_close(blocked, whole, rtol=1e-4, atol=1e-5)
    assert weights is not None and (none is None) == (blocks > 1)


def test_a_query_without_a_key_is_alone_in_it() -> None:
    query, key, value = (torch.randn(1, 1, 2, 4) for _ in range(3))
    mask = torch.tensor([[[[True, True], [False, False]]]])
    output, _ = over_key_blocks(attention, 2)(None, query, key, value, mask)
    assert output[0, 1].isfinite().all()


def test_blocks_are_one_or_more() -> None:
    with pytest.raises(UsageError, match="num_kv_blocks is 0"):
        ask_for_key_blocks(upstream_llama(), 0)


def test_a_model_that_does_not_follow_is_refused() -> None:
    model = qeff_llama(upstream_llama())
    check_key_blocks(model, 1)
    with pytest.raises(UsageError, match="is computed over all keys at once"):
        check_key_blocks(model, 4)
