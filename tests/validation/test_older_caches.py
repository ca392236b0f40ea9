"""While code for older releases runs, and only then, `DynamicCache` answers to names that it no longer has."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import DynamicCache

from qeff_codegen.validation.older_caches import OlderCaches

GONE = "get_usable_length"


def filled(tokens: int, layers: int = 2) -> Any:
    cache = DynamicCache()
    for layer_idx in range(layers):
        cache.update(torch.full((1, 2, tokens, 4), layer_idx + 1.0), torch.zeros(1, 2, tokens, 4), layer_idx)
    return cache


def test_what_older_releases_answer() -> None:
    cache: Any = filled(3)
    older = OlderCaches()
    with older.answering():
        assert cache.get_usable_length(5, 1) == 3
        assert cache.seen_tokens == 3
        assert filled(0).get_usable_length(5) == 0
    assert older.notes() == (
        "Upstream's code asked `DynamicCache` for `get_usable_length`, `seen_tokens`, which this release of "
        "transformers no longer has: Stage 1 was given what older releases answer.",
    )


def test_pairs_and_back() -> None:
    with OlderCaches().answering():
        cache: Any = DynamicCache
        pairs = filled(3).to_legacy_cache()
        again = cache.from_legacy_cache(pairs)
        assert cache.from_legacy_cache().get_seq_length() == 0
    assert [(keys.shape, float(keys.mean())) for keys, _ in pairs] == [((1, 2, 3, 4), 1.0), ((1, 2, 3, 4), 2.0)]
    assert again.get_seq_length(1) == 3


def test_nothing_is_left_behind() -> None:
    assert not hasattr(DynamicCache, GONE)
    before = set(dir(DynamicCache))
    with pytest.raises(ZeroDivisionError), OlderCaches().answering():
        assert hasattr(DynamicCache, GONE)
        raise ZeroDivisionError
    assert set(dir(DynamicCache)) == before


def test_what_the_class_has_stays_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DynamicCache, GONE, lambda cache, *_: 17, raising=False)
    older = OlderCaches()
    with older.answering():
        cache: Any = filled(3)
        assert cache.get_usable_length(5) == 17
    assert not older.notes()
    assert hasattr(DynamicCache, GONE)
