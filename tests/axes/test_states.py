"""Windows and states are read by the runtime's own functions alone; everything else with them is refused."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.axes import layers, states
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


HEADS_FIRST = Tensor(((ROWS,), ("heads",), (TOKENS,), ("features",)))
FEATURES = Tensor(((ROWS,), (TOKENS,), ("features",)))
ONE_TOKEN = Tensor(((ROWS,), ONE, ("features",)))


@pytest.mark.parametrize(
    ("name", "given", "like"),
    [
        ("lightning_attention", (HEADS_FIRST, HEADS_FIRST, HEADS_FIRST, Tensor(())), HEADS_FIRST),
        ("linear_recurrence", (FEATURES, FEATURES), FEATURES),
        ("delayed_by_one", (FEATURES, ONE_TOKEN), FEATURES),
    ],
)
def test_what_upstream_writes_out_goes_through_the_tokens(name: str, given: tuple[Value, ...], like: Tensor) -> None:
    found = states.gone_through(_given(*given, initial_state=_state(), position_ids=PLACES), name)
    assert isinstance(found, Several) and found.items is not None
    assert found.items[0] == like
    for wrong in range(len(given)):
        others = [
            Tensor(((ROWS,), ("features",), (TOKENS,))) if at == wrong else item for at, item in enumerate(given)
        ]
        with pytest.raises(NotFollowed):
            states.gone_through(_given(*others, initial_state=_state(), position_ids=PLACES), name)


def test_convolutions_of_a_window_may_follow_each_other() -> None:
    window = states.window(_given(CHANNELS_FIRST))
    plain = layers.convolution(_given(Plain(), Plain(), Plain(), padding=Plain("0", 0), stride=Plain("1", 1)))
    once = layers.run(plain, _given(window))
    twice = layers.run(plain, _given(once))
    assert isinstance(twice, Tensor) and twice.kind == CONVOLVED
    assert indexed(twice, [WHOLE, WHOLE, Cut(Last((TOKENS,)), None, None)]).known[2] == (TOKENS,)


@pytest.mark.parametrize("option", ["padding", "stride", "dilation"])
def test_a_convolution_that_pads_or_leaves_columns_out_is_refused(option: str) -> None:
    other = layers.convolution(_given(Plain(), Plain(), Plain(), **{option: Plain("3", 3)}))
    unknown = layers.convolution(_given(Plain(), Plain(), Plain(), **{option: Plain("config.size")}))
    for layer in (other, unknown):
        with pytest.raises(NotFollowed, match="pads or leaves columns out"):
            layers.run(layer, _given(states.window(_given(CHANNELS_FIRST))))
    with pytest.raises(NotFollowed, match="something else than the window"):
        layers.run(layers.convolution(_given(Plain(), Plain(), Plain())), _given(CHANNELS_FIRST))


def test_the_last_tokens_of_all_are_all() -> None:
    assert indexed(FEATURES, [WHOLE, Cut(Last((TOKENS,)), None, None)]) == FEATURES
    with pytest.raises(NotFollowed):
        indexed(FEATURES, [WHOLE, Cut(Plain("-1", -1), None, None)])


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
