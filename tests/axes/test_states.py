"""Windows and states are read by the runtime's own functions alone; everything else with them is refused."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.axes import states
from qeff_codegen.axes.arithmetic import combined
from qeff_codegen.axes.contractions import product
from qeff_codegen.axes.elementwise import computed
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.indexing import Cut, Last, indexed
from qeff_codegen.axes.reductions import reduced
from qeff_codegen.axes.values import (
    COLUMNS,
    CONVOLVED,
    NEW_STATE,
    ONE,
    POSITIONS,
    ROWS,
    TOKENS,
    NotFollowed,
    Plain,
    Several,
    Tensor,
    Value,
)

WHOLE = Cut(None, None, None)
CHANNELS_FIRST = Tensor(((ROWS,), ("channels",), (TOKENS,)))
BY_HEADS = Tensor(((ROWS,), (TOKENS,), ("heads",), ("features",)))
OF_HEADS = Tensor(((ROWS,), (TOKENS,), ("heads",)))
PLACES = Tensor(((ROWS,), (TOKENS,)), POSITIONS)


def _given(*positional: Value, **keywords: Value) -> Given:
    return Given("f", positional, keywords)


def _convolved() -> Tensor:
    found = states.convolved(_given(states.window(_given(CHANNELS_FIRST)), Tensor((("channels",), ("kernel",)))))
    assert isinstance(found, Tensor)
    return found


def _state() -> Tensor:
    found = states.read(_given(Plain()))
    assert isinstance(found, Tensor)
    return found


def _scanned(**others: Value) -> Value:
    keywords: dict[str, Value] = {"g": OF_HEADS, "beta": OF_HEADS, "initial_state": _state(), "position_ids": PLACES}
    return states.gone_through(_given(BY_HEADS, BY_HEADS, BY_HEADS, **(keywords | others)), name="gated_delta_rule")


def test_the_last_columns_of_a_convolved_window_are_the_tokens() -> None:
    assert _convolved().kind == CONVOLVED
    assert indexed(_convolved(), [WHOLE, WHOLE, Cut(Last((TOKENS,)), None, None)]) == CHANNELS_FIRST


@pytest.mark.parametrize(
    "cut",
    [
        Cut(Plain("-1", -1), None, None),
        Cut(Plain("1", 1), None, None),
        Cut(Last((ROWS,)), None, None),
        Cut(Last((TOKENS,)), Plain("-1", -1), None),
        Cut(Last((TOKENS,)), None, Plain("2", 2)),
    ],
)
def test_other_columns_are_refused(cut: Cut) -> None:
    with pytest.raises(NotFollowed):
        indexed(_convolved(), [WHOLE, WHOLE, cut])


def test_a_window_is_only_convolved() -> None:
    window = states.window(_given(CHANNELS_FIRST))
    assert isinstance(window, Tensor)
    for use in (
        lambda: indexed(window, [WHOLE, WHOLE, Cut(Last((TOKENS,)), None, None)]),
        lambda: computed("mul", [window, CHANNELS_FIRST]),
        lambda: reduced(Given("sum", (window, Plain("2", 2)), {})),
        lambda: states.convolved(_given(computed("mul", [window, Plain("2", 2)]), Tensor(None))),
        lambda: states.convolved(_given(CHANNELS_FIRST, Tensor(None))),
        lambda: states.convolved(_given(window, OF_HEADS)),
    ):
        with pytest.raises(NotFollowed):
            use()


def test_a_window_takes_tokens_behind_channels() -> None:
    with pytest.raises(NotFollowed):
        states.window(_given(OF_HEADS))


def test_a_state_goes_through_the_tokens_and_is_kept() -> None:
    found = _scanned()
    assert isinstance(found, Several) and found.items is not None
    out, kept = found.items
    assert out == BY_HEADS and isinstance(kept, Tensor) and kept.kind == NEW_STATE
    states.write(_given(kept))


@pytest.mark.parametrize(
    "others",
    [
        {"initial_state": BY_HEADS},
        {"initial_state": Plain("None", None)},
        {"position_ids": Tensor(((ROWS,), (TOKENS,)))},
        {"g": BY_HEADS},
        {"beta": Tensor(((ROWS,), ("heads",), (TOKENS,)))},
        {"chunk_size": Plain("64", 64)},
    ],
)
def test_arguments_of_other_axes_are_refused(others: dict[str, Value]) -> None:
    with pytest.raises(NotFollowed):
        _scanned(**others)


def test_a_state_is_read_by_nothing_else() -> None:
    state = _state()
    for use in (
        lambda: states.write(_given(state)),
        lambda: computed("add", [state, BY_HEADS]),
        lambda: reduced(Given("mean", (state, Plain("2", 2)), {})),
        lambda: product(_given(BY_HEADS, state)),
        lambda: indexed(state, [WHOLE, WHOLE, Plain("0", 0)]),
        lambda: _scanned(initial_state=combined_with_itself(state)),
    ):
        with pytest.raises(NotFollowed):
            use()
    assert computed("add", [_convolved(), Tensor(((ROWS,), ONE, ONE))]).known[2] == (COLUMNS,)


def combined_with_itself(state: Tensor) -> Value:
    """A state that something was computed with."""
    return combined(ast.Add(), state, state)
