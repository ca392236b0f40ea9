from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers.cache_utils import Cache

from qeff_codegen.runtime.cache_utils import QEffDynamicCache


def cache_of_ones(batch_size: int = 2, ctx_len: int = 6) -> QEffDynamicCache:
    """Returns two layers full of ones, so that a slot that should read as zero is seen."""
    shape = (batch_size, 1, ctx_len, 2)
    return QEffDynamicCache.from_legacy_cache([(torch.ones(shape), torch.ones(shape)) for _ in range(2)])


def update(cache: QEffDynamicCache, positions: list[list[int]], layer: int = 0, **kwargs: Any) -> Any:
    position_ids = torch.tensor(positions)
    states = torch.full((position_ids.shape[0], 1, position_ids.shape[1], 2), 7.0)
    return cache.update(states, states, layer, {"position_ids": position_ids, **kwargs})


def test_is_a_transformers_cache_made_of_pairs_and_back() -> None:
    pairs = [(torch.rand(1, 2, 5, 4), torch.rand(1, 2, 5, 4)) for _ in range(3)]
    cache = QEffDynamicCache.from_legacy_cache(pairs)
    assert isinstance(cache, Cache)
    assert cache.get_seq_length() == cache.get_seq_length(2) == 5
    assert all(
        a is b
        for pair, back in zip(pairs, cache.to_legacy_cache(), strict=True)
        for a, b in zip(pair, back, strict=True)
    )


def test_values_beyond_the_largest_position_read_as_zero() -> None:
    keys, values = update(cache_of_ones(), [[2, 3], [0, -1]])
    assert keys.shape == values.shape == (2, 1, 6, 2)
    assert values[0, 0, :, 0].tolist() == [1, 1, 7, 7, 0, 0]
    assert values[1, 0, :, 0].tolist() == [7, 0, 0, 0, 0, 0]


def test_nan_of_a_pad_is_never_read_as_a_value() -> None:
    cache = cache_of_ones(batch_size=1)
    states = torch.tensor([1.0, float("nan")]).view(1, 1, 2, 1).expand(-1, -1, -1, 2)
    _, values = cache.update(states, states, 0, {"position_ids": torch.tensor([[0, -1]])})
    assert not values.isnan().any()


def test_keeps_what_was_written_for_the_next_call() -> None:
    cache = cache_of_ones()
    update(cache, [[4], [1]], layer=1)
    (untouched, _), (keys, values) = cache.to_legacy_cache()
    assert untouched.eq(1).all()
    assert keys[0, 0, :, 0].tolist() == values[0, 0, :, 0].tolist() == [1, 1, 1, 1, 7, 1]
    assert keys[1, 0, :, 1].tolist() == [1, 7, 1, 1, 1, 1]


def test_compute_context_length_limits_what_is_read_not_what_is_kept() -> None:
    cache = cache_of_ones()
    keys, values = update(cache, [[2], [1]], CCL=3)
    assert keys.shape == values.shape == (2, 1, 3, 2)
    assert cache.to_legacy_cache()[0][0].shape == (2, 1, 6, 2)


def test_batch_index_names_the_row_and_pads_leave_it_alone() -> None:
    cache = cache_of_ones(batch_size=3)
    _, values = update(cache, [[5], [-1]], batch_index=torch.tensor([[2], [0]]))
    assert values[0, 0, :, 0].tolist() == [1, 1, 1, 1, 1, 7]
    kept = cache.to_legacy_cache()[0][1]
    assert kept[2, 0, :, 0].tolist() == [1, 1, 1, 1, 1, 7]
    assert kept[:2].eq(1).all()


def test_layers_with_positions_of_their_own_do_not_share_slots() -> None:
    cache = cache_of_ones(batch_size=1)
    for position in range(6):
        for layer in (0, 1):
            _, values = update(cache, [[position]], layer=layer)
            assert values[0, 0, :, 0].ne(0).sum() == position + 1


def test_layers_with_positions_of_their_own_write_their_own_slots() -> None:
    cache = cache_of_ones(batch_size=1)
    for layer, position in ((0, 1), (1, 4)):
        update(cache, [[position]], layer=layer, batch_index=torch.tensor([[0]]))
        assert cache.to_legacy_cache()[layer][0][0, 0, :, 0].eq(7).nonzero().tolist() == [[position]]


def test_layers_that_read_different_lengths_do_not_share_slots() -> None:
    cache = cache_of_ones(batch_size=1)
    position_ids, states = torch.tensor([[2]]), torch.ones(1, 1, 1, 2)
    for layer, length in ((0, 6), (1, 3)):
        keys, _ = cache.update(states, states, layer, {"position_ids": position_ids, "CCL": length})
        assert keys.shape[2] == length


def test_has_no_other_mode_than_preallocated() -> None:
    empty = QEffDynamicCache.from_legacy_cache(None)
    assert empty.get_seq_length() == 0
    with pytest.raises(ValueError, match=r"has 0 layers and layer 0 .* pass past_key_values as a list"):
        update(empty, [[0]])
