"""States in the cache: reset, pads, idle rows, rows by `batch_index`, and which tensors are which."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from qeff_codegen.runtime.cache_utils import QEffDynamicCache, every_layer_for_itself

CHANNELS, KERNEL = 3, 4
PAD = -1


def conv_states(rows: int) -> torch.Tensor:
    return torch.randn(rows, CHANNELS, KERNEL)


def recurrent_states(rows: int) -> torch.Tensor:
    return torch.randn(rows, 2, 5, 7)


def convolve(
    state: torch.Tensor, new: torch.Tensor, positions: list[list[int]], batch_index: list[int] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the columns that a convolution reads, and the state that is kept."""
    cache = QEffDynamicCache.from_legacy_cache([(state,)])
    columns = cache.update_conv_state(new, 0, call(positions, batch_index), conv_kernel_size=KERNEL)
    return columns, cache.to_legacy_cache()[0][0]


def call(positions: list[list[int]], batch_index: list[int] | None = None) -> dict[str, Any]:
    rows = None if batch_index is None else torch.tensor(batch_index).unsqueeze(1)
    return {"position_ids": torch.tensor(positions), "batch_index": rows}


def after_tokens(state: torch.Tensor, positions: list[list[int]]) -> torch.Tensor:
    """What a recurrence makes of the rows' states: something else, but where all of a row is pads."""
    idle = torch.tensor([max(row) < 0 for row in positions])
    return torch.where(idle[:, None, None, None], state, state + 1)


@pytest.mark.parametrize("tokens", [1, 2, 4, 6])
@pytest.mark.parametrize("pads", [0, 1, 5])
def test_the_last_valid_columns_are_kept(tokens: int, pads: int) -> None:
    state, new = conv_states(1), torch.randn(1, CHANNELS, tokens + pads)
    new[:, :, tokens:] = math.nan
    columns, kept = convolve(state, new, [[*range(9, 9 + tokens), *[PAD] * pads]])
    assert torch.equal(columns[:, :, : KERNEL + tokens], torch.cat([state, new[:, :, :tokens]], 2))
    assert torch.equal(kept, torch.cat([state, new[:, :, :tokens]], 2)[:, :, -KERNEL:])


def test_a_row_that_begins_starts_from_zeros() -> None:
    state, new = torch.full((2, CHANNELS, KERNEL), math.nan), torch.randn(2, CHANNELS, 2)
    state[1] = 1.0
    columns, kept = convolve(state, new, [[0, 1], [1, 2]])
    assert torch.equal(columns[0, :, :KERNEL], torch.zeros(CHANNELS, KERNEL))
    assert torch.equal(columns[1, :, :KERNEL], state[1])
    assert torch.equal(kept[0], torch.cat([torch.zeros(CHANNELS, 2), new[0]], 1))

    recurrent = torch.full((2, 2, 5, 7), math.nan)
    recurrent[1] = 1.0
    cache = QEffDynamicCache.from_legacy_cache([(state, recurrent)])
    read = cache.get_recurrent_state(0, call([[0, 1], [1, 2]]))
    assert read is not None
    assert torch.equal(read[0], torch.zeros(2, 5, 7)) and torch.equal(read[1], recurrent[1])


def test_an_idle_row_keeps_its_columns() -> None:
    state, new = conv_states(2), torch.full((2, CHANNELS, 2), math.nan)
    new[0] = 1.0
    _, kept = convolve(state, new, [[5, 6], [PAD, PAD]])
    assert torch.equal(kept[1], state[1])


def test_rows_by_batch_index() -> None:
    """Two rows go on, one begins on a row used before, one is idle and names the last row, as -1."""
    state, recurrent, new = conv_states(6), recurrent_states(6), torch.randn(4, CHANNELS, 2)
    positions, batch_index = [[3, 4], [7, PAD], [0, 1], [PAD, PAD]], [5, 0, 2, -1]
    kwargs = call(positions, batch_index)
    cache = QEffDynamicCache.from_legacy_cache([(state.clone(), recurrent.clone())])
    columns = cache.update_conv_state(new, 0, kwargs, conv_kernel_size=KERNEL)
    read = cache.get_recurrent_state(0, kwargs)
    assert read is not None
    cache.update_recurrent_state(after_tokens(read, positions), 0, kwargs)
    kept, kept_recurrent = cache.to_legacy_cache()[0]

    assert torch.equal(columns[0], torch.cat([state[5], new[0]], 1))
    assert torch.equal(kept[5], columns[0, :, -KERNEL:])
    assert torch.equal(kept[0], torch.cat([state[0, :, 1:], new[1, :, :1]], 1))
    assert torch.equal(kept[2], torch.cat([torch.zeros(CHANNELS, 2), new[2]], 1))
    assert torch.equal(kept_recurrent[[5, 0]], recurrent[[5, 0]] + 1)
    assert torch.equal(kept_recurrent[2], torch.ones(2, 5, 7))
    for untouched in (1, 3, 4):
        assert torch.equal(kept[untouched], state[untouched])
        assert torch.equal(kept_recurrent[untouched], recurrent[untouched])


@pytest.mark.parametrize("named", [-1, 0, 3, 5, 99])
def test_an_idle_row_may_name_any_row(named: int) -> None:
    """Also one that another row of the call goes on in, in front of it and behind it, or none of the cache."""
    state, recurrent, new = conv_states(6), recurrent_states(6), torch.randn(4, CHANNELS, 1)
    positions, batch_index = [[PAD], [3], [PAD], [0]], [named, 5, named, 0]
    kwargs = call(positions, batch_index)
    cache = QEffDynamicCache.from_legacy_cache([(state.clone(), recurrent.clone())])
    cache.update_conv_state(new, 0, kwargs, conv_kernel_size=KERNEL)
    read = cache.get_recurrent_state(0, kwargs)
    assert read is not None
    cache.update_recurrent_state(after_tokens(read, positions), 0, kwargs)
    kept, kept_recurrent = cache.to_legacy_cache()[0]

    assert torch.equal(kept[5], torch.cat([state[5, :, 1:], new[1]], 1))
    assert torch.equal(kept[0], torch.cat([torch.zeros(CHANNELS, 3), new[3]], 1))
    assert torch.equal(kept_recurrent[5], recurrent[5] + 1)
    assert torch.equal(kept_recurrent[0], torch.ones(2, 5, 7))
    assert torch.equal(kept[1:5], state[1:5]) and torch.equal(kept_recurrent[1:5], recurrent[1:5])


def test_a_call_of_idle_rows_changes_nothing() -> None:
    state, new = conv_states(2), torch.full((2, CHANNELS, 3), math.nan)
    _, kept = convolve(state, new, [[PAD] * 3, [PAD] * 3], [-1, -1])
    assert torch.equal(kept, state)


def test_a_call_that_fills_the_cache_and_names_its_rows_in_another_order() -> None:
    state, new = conv_states(3), torch.randn(3, CHANNELS, 1)
    columns, kept = convolve(state, new, [[4], [7], [0]], [2, 0, 1])
    assert torch.equal(columns[:2, :, :KERNEL], state[[2, 0]])
    assert torch.equal(kept[[2, 0, 1]], columns[:, :, -KERNEL:])


def test_a_state_keeps_its_type() -> None:
    state, recurrent, new = conv_states(1).half(), recurrent_states(1), torch.randn(1, CHANNELS, 1)
    cache = QEffDynamicCache.from_legacy_cache([(state, recurrent)])
    columns = cache.update_conv_state(new, 0, call([[4]]), conv_kernel_size=KERNEL)
    cache.update_recurrent_state(recurrent.double(), 0, call([[4]]))
    assert columns.dtype == torch.float32
    assert [tensor.dtype for tensor in cache.to_legacy_cache()[0]] == [torch.float16, torch.float32]


def test_layers_share_what_depends_on_the_call_alone() -> None:
    def layers() -> QEffDynamicCache:
        return QEffDynamicCache.from_legacy_cache([(conv_states(1),), (conv_states(1),)])

    kwargs, cache = call([[4]]), layers()
    assert cache._rows(kwargs) is cache._rows(kwargs)
    assert cache._rows(kwargs) is not cache._rows(call([[4]]))
    with every_layer_for_itself():
        assert cache._rows(kwargs) is not cache._rows(kwargs)


KEY, VALUE = torch.zeros(1, 2, 8, 4), torch.ones(1, 2, 8, 4)
CONV, RECURRENT = torch.zeros(1, CHANNELS, KERNEL), torch.full((1, 2, 5, 7), 2.0)


@pytest.mark.parametrize(
    ("tensors", "kept"),
    [
        ((KEY, VALUE), ("keys", "values")),
        ((CONV,), ("conv_state",)),
        ((RECURRENT,), ("recurrent_state",)),
        ((CONV, RECURRENT), ("conv_state", "recurrent_state")),
        ((CONV, KEY, VALUE), ("conv_state", "keys", "values")),
        ((KEY, VALUE, RECURRENT), ("keys", "values", "recurrent_state")),
        ((CONV, KEY, VALUE, RECURRENT), ("conv_state", "keys", "values", "recurrent_state")),
        ((), ()),
    ],
)
def test_count_and_axes_say_which_tensors_are_which(tensors: tuple[torch.Tensor, ...], kept: tuple[str, ...]) -> None:
    cache = QEffDynamicCache.from_legacy_cache([tensors])
    every = ("conv_state", "keys", "values", "recurrent_state")
    assert tuple(name for name in every if getattr(cache.layers[0], name) is not None) == kept
    assert all(getattr(cache.layers[0], name) is tensor for name, tensor in zip(kept, tensors, strict=True))
    assert cache.to_legacy_cache() == (tensors,)


@pytest.mark.parametrize("tensors", [(CONV, CONV), (KEY, CONV), (KEY, VALUE, RECURRENT, RECURRENT), (KEY[0, 0],)])
def test_other_tensors_are_refused(tensors: tuple[torch.Tensor, ...]) -> None:
    with pytest.raises(ValueError, match="a layer was given tensors of .*conv_state"):
        QEffDynamicCache.from_legacy_cache([tensors])


def test_a_layer_without_what_it_is_asked_for_is_named() -> None:
    cache = QEffDynamicCache.from_legacy_cache([(KEY, VALUE), (CONV,)])
    with pytest.raises(ValueError, match=r"layer 1 keeps \(key, value\)"):
        cache.update(KEY, VALUE, 1, call([[0]]))
    with pytest.raises(ValueError, match="layer 0 keeps conv_state"):
        cache.update_conv_state(CONV, 0, call([[0]]), conv_kernel_size=KERNEL)
    with pytest.raises(ValueError, match=r"layer 1 keeps conv_state \[batch_size, channels, 3\]"):
        cache.update_conv_state(CONV, 1, call([[0]]), conv_kernel_size=3)
    with pytest.raises(ValueError, match="layer 1 keeps recurrent_state"):
        cache.get_recurrent_state(1, call([[0]]))


def test_the_context_is_as_long_as_the_first_keys() -> None:
    assert QEffDynamicCache.from_legacy_cache([(CONV,), (), (KEY, VALUE)]).get_seq_length() == 8
    assert QEffDynamicCache.from_legacy_cache([(CONV,)]).get_seq_length() == 0
