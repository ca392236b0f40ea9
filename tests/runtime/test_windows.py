"""Caches of a window, call by call, against a cache of the whole context; and that each part of them is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from qeff_codegen.runtime import modeling_attn_mask_utils
from qeff_codegen.runtime.cache_utils import QEffDynamicCache
from qeff_codegen.runtime.constants import INVALID_INDEX
from qeff_codegen.runtime.windows import Window, WindowCall, chunk, positions_before, sliding, windows_kept
from tests.runtime.broken_windows import BROKEN

CTX_LEN, LENGTH, ROWS = 24, 5, 3
# Positions of each call, for the rows of the cache that it names. Rows are at different positions, all wrap, one call
# is longer than the window and one straddles the end of a chunk; rows idle, one is taken again by a shorter text.
CALLS = (
    ([0, 1, 2], [[0, 1, 2, 3], [0, 1, -1, -1], [0, -1, -1, -1]]),
    ([0, 1, 2], [[4, 5, 6, 7, 8, 9, 10], [2, 3, 4, 5, -1, -1, -1], [1, 2, 3, -1, -1, -1, -1]]),
    ([0, 1, 2], [[11], [6], [4]]),
    ([0, 1, 2], [[12], [-1], [5]]),
    ([0, 1, 2], [[13, 14, 15], [-1, -1, -1], [6, 7, -1]]),
    ([1], [[0, 1, 2]]),
    ([0, 1, 2], [[16], [3], [-1]]),
    ([0, 1, 2], [[17], [4], [8]]),
)
KINDS = {"sliding": sliding(LENGTH), "chunk": chunk(LENGTH)}


def mask_of(window: Window, position_ids: torch.Tensor) -> torch.Tensor:
    if window.axis == KINDS["chunk"].axis:
        return modeling_attn_mask_utils._create_chunked_causal_mask(position_ids, CTX_LEN, window.length)
    return modeling_attn_mask_utils._create_causal_mask(position_ids, CTX_LEN, window.length)


def attention(window: Window, *, continuous: bool, kept: bool) -> Iterator[torch.Tensor]:
    """For each call and valid token, the mean of the values that it may attend to."""
    slots = window.slots(CTX_LEN) if kept else CTX_LEN
    tensors = [(torch.full((ROWS, 2, slots, 1), torch.nan),) * 2]
    for number, (rows, positions) in enumerate(CALLS):
        if not continuous and len(rows) < ROWS:
            # Without rows of their own, the others idle.
            idle = [-1] * len(positions[0])
            positions = [positions[rows.index(row)] if row in rows else idle for row in range(ROWS)]
        position_ids = torch.tensor(positions)
        generator = torch.Generator().manual_seed(number)
        values = torch.rand(len(positions), 2, position_ids.shape[1], 1, generator=generator)
        # What a pad has computed may be no number at all.
        values = values.masked_fill((position_ids < 0)[:, None, :, None], torch.nan)
        batch_index = torch.tensor(rows)[:, None] if continuous else None
        with windows_kept([window]) if kept else windows_kept([None]):
            cache = QEffDynamicCache.from_legacy_cache(tensors)
            mask = mask_of(window, position_ids)
            given = {"position_ids": position_ids, "batch_index": batch_index, "CCL": mask.shape[-1]}
            _, read = cache.update(values, values, 0, given)
            tensors = list(cache.to_legacy_cache())  # type: ignore[arg-type]
        seen = (~mask).float().expand(-1, 2, -1, -1)
        assert read.shape[2] == mask.shape[-1] == (slots + position_ids.shape[1] if kept else CTX_LEN)
        mean = (seen @ read) / seen.sum(-1, keepdim=True)
        yield mean.transpose(1, 2)[position_ids >= 0]


def same(window: Window, *, continuous: bool) -> bool:
    pairs = zip(
        attention(window, continuous=continuous, kept=True),
        attention(window, continuous=continuous, kept=False),
        strict=True,
    )
    return all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_window_is_seen_as_in_a_cache_of_the_whole_context(kind: str, continuous: bool) -> None:
    assert same(KINDS[kind], continuous=continuous)


@pytest.mark.parametrize("length", [1, 2, CTX_LEN, CTX_LEN + 8])
def test_windows_of_any_length(length: int) -> None:
    assert same(sliding(length), continuous=True)
    assert same(chunk(length), continuous=False)


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("kind", KINDS)
def test_without_any_part_of_it_answers_are_others(kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[name](monkeypatch)
    assert not same(KINDS[kind], continuous=True)


def test_positions_that_stand_in_slots() -> None:
    position_ids = torch.tensor([[0, 1], [3, -1], [13, 14], [-1, -1]])
    before = positions_before(position_ids, 5)
    assert before[:3].clamp(min=-1).tolist() == [[-1] * 5, [0, 1, 2, -1, -1], [10, 11, 12, 8, 9]]
    assert before[3].lt(0).all()


def test_only_the_last_tokens_of_a_call_are_written() -> None:
    call = WindowCall(torch.tensor([[2, 3, 4, 5, 6, 7, -1], [-1] * 7]), None, 4)
    nowhere = INVALID_INDEX
    assert call.write_slots.tolist() == [[nowhere, nowhere, 0, 1, 2, 3, nowhere], [nowhere] * 7]
    assert call.rows.tolist() == [[0], [1]]


def test_layers_of_all_kinds_share_a_cache() -> None:
    pair, short = torch.zeros(1, 1, 8, 2), torch.zeros(1, 1, 3, 2)
    with windows_kept([sliding(3), None, chunk(3)]):
        cache = QEffDynamicCache.from_legacy_cache([(short, short), (pair, pair), (short, short)])
        assert cache.get_seq_length() == 8
        position_ids = torch.tensor([[4, 5]])
        assert mask_of(sliding(3), position_ids).shape[-1] == mask_of(chunk(3), position_ids).shape[-1] == 5
        # Masks of other windows, and of none, are for layers that keep the whole context.
        assert mask_of(sliding(4), position_ids).shape[-1] == CTX_LEN
    with windows_kept([sliding(3)]):
        assert QEffDynamicCache.from_legacy_cache([(short, short)]).get_seq_length() == 3
