"""An indexer's keys in the cache, and the mask of those that score highest."""

from __future__ import annotations

import pytest
import torch

from qeff_codegen.runtime.cache_utils import QEffDynamicCache
from qeff_codegen.runtime.indexer import all_but_largest

NOT_ALLOWED = torch.tensor([[[False, False, False, True], [False, True, True, True]]])


def test_attends_to_the_largest_of_what_is_allowed() -> None:
    scores = torch.tensor([[[1.0, 3.0, 2.0, 9.0], [1.0, 3.0, 2.0, 9.0]]])
    mask = all_but_largest(scores, NOT_ALLOWED, 2)
    assert mask.tolist() == [[[True, False, False, True], [False, True, True, True]]]


@pytest.mark.parametrize("count", [3, 4, 9])
def test_attends_to_all_that_is_allowed_where_there_is_no_more(count: int) -> None:
    assert torch.equal(all_but_largest(torch.randn(1, 2, 4), NOT_ALLOWED, count), NOT_ALLOWED)


def test_what_nobody_wrote_is_not_chosen() -> None:
    scores = torch.where(NOT_ALLOWED, torch.nan, torch.tensor([0.5, 0.25, -1.0, 0.0]))
    assert all_but_largest(scores, NOT_ALLOWED, 2)[0, 0].tolist() == [False, False, True, True]


def test_keys_are_kept_at_their_positions() -> None:
    pair = torch.zeros(2, 1, 4, 3), torch.zeros(2, 1, 4, 3)
    cache = QEffDynamicCache.from_legacy_cache([(*pair, torch.zeros(2, 4, 3))])
    told = {"position_ids": torch.tensor([[0, 1], [2, -1]]), "batch_index": torch.tensor([[1], [0]])}
    new = torch.arange(1.0, 13.0).view(2, 2, 3)
    read = cache.update_indexer(new, 0, told)
    kept = cache.to_legacy_cache()[0][2]
    assert kept.shape == (2, 4, 3) and read.shape == (2, 4, 3)
    assert torch.equal(kept[1, :2], new[0]) and torch.equal(kept[0, 2], new[1, 0])
    assert not kept[0, [0, 1, 3]].any() and not kept[1, 2:].any()
    assert torch.equal(read[0, :2], new[0]) and torch.equal(read[1, 2], new[1, 0])


def test_reads_as_many_slots_as_attention_does() -> None:
    pair = torch.zeros(1, 1, 8, 3), torch.zeros(1, 1, 8, 3)
    cache = QEffDynamicCache.from_legacy_cache([(*pair, torch.zeros(1, 8, 3))])
    read = cache.update_indexer(torch.ones(1, 1, 3), 0, {"position_ids": torch.tensor([[1]]), "CCL": 4})
    assert read.shape == (1, 4, 3) and torch.equal(read[0, 1], torch.ones(3))


def test_a_layer_without_such_keys_says_what_is_missing() -> None:
    cache = QEffDynamicCache.from_legacy_cache([(torch.zeros(1, 1, 4, 3), torch.zeros(1, 1, 4, 3))])
    with pytest.raises(ValueError, match=r"layer 0 keeps indexer_key_cache \[batch_size, ctx_len, index_head_dim\]"):
        cache.update_indexer(torch.ones(1, 1, 3), 0, {"position_ids": torch.tensor([[0]])})
