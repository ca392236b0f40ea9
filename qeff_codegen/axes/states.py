"""What layers that keep states may do along tokens: convolve a window of them, and go through a state one by one.

Both are the runtime's own functions, to which a call of any length and with pads is what its tokens are one by one.
A window holds columns of earlier calls before those of this one, and a state stands for all of them: nothing else
reads either, since what it read would be another thing in every way a prompt is cut. So both have a followed axis.
"""

from __future__ import annotations

from collections.abc import Callable as Function

from qeff_codegen.axes.given import Given
from qeff_codegen.axes.values import (
    COLUMNS,
    CONVOLVED,
    LEFT,
    NEW_STATE,
    NONE,
    POSITIONS,
    ROWS,
    SOME,
    STATE,
    STATE_ENTRIES,
    TOKENS,
    WINDOW,
    Axis,
    NotFollowed,
    Several,
    Tensor,
    Value,
    carries,
    followed_in,
    tensor,
)

# What axes each argument has where a state is gone through: T are tokens, . is any that is not followed.
_BY_HEADS = {"query": "T..", "key": "T..", "value": "T..", "beta": "T."}
_ARGUMENTS: dict[str, dict[str, str]] = {
    "gated_delta_rule": {**_BY_HEADS, "g": "T."},
    "kimi_delta_attention": {**_BY_HEADS, "g": "T.."},
    "mamba2_scan": {"hidden_states": "T..", "dt": "T.", "B": "T..", "C": "T.."},
    "mamba_scan": {"hidden_states": ".T", "dt": ".T", "B": ".T", "C": ".T", "z": ".T"},
    "lightning_attention": {"query": ".T.", "key": ".T.", "value": ".T."},
    "linear_recurrence": {"hidden_states": "T.", "recurrent_gate": "T."},
    "delayed_by_one": {"hidden_states": "T.", "first": ".."},
}
_OF_DELTA_RULES = (
    "query",
    "key",
    "value",
    "g",
    "beta",
    "initial_state",
    "position_ids",
    "use_qk_l2norm_in_kernel",
)
# The parameters in their order, and whose shape the result has.
_ORDER: dict[str, tuple[str, ...]] = {
    "gated_delta_rule": _OF_DELTA_RULES,
    "kimi_delta_attention": _OF_DELTA_RULES,
    "mamba2_scan": (
        "hidden_states",
        "dt",
        "A",
        "B",
        "C",
        "initial_states",
        "position_ids",
        "D",
        "dt_bias",
        "dt_softplus",
        "dt_limit",
    ),
    "mamba_scan": (
        "hidden_states",
        "dt",
        "A",
        "B",
        "C",
        "initial_state",
        "position_ids",
        "D",
        "z",
        "delta_bias",
        "delta_softplus",
    ),
    "lightning_attention": ("query", "key", "value", "slope_rate", "initial_state", "position_ids"),
    "linear_recurrence": ("hidden_states", "recurrent_gate", "initial_state", "position_ids"),
    "delayed_by_one": ("hidden_states", "first", "initial_state", "position_ids"),
}
_LIKE = {
    "gated_delta_rule": "value",
    "kimi_delta_attention": "value",
    "mamba2_scan": "hidden_states",
    "mamba_scan": "hidden_states",
    "lightning_attention": "value",
    "linear_recurrence": "hidden_states",
    "delayed_by_one": "hidden_states",
}
SCANS = tuple(_ORDER)
_STATES = ("initial_state", "initial_states")


def window(given: Given) -> Value:
    """`update_conv_state`: the kept columns and those of the call, `[rows, channels, columns]`."""
    _, channels, _ = _axes(given.tensor(0, "hidden_states"), ".T", "what a window takes")
    return tensor(((ROWS,), channels, (COLUMNS,)), WINDOW)


def read(given: Given) -> Value:
    """`get_recurrent_state`: a row's state before the call."""
    return tensor(((ROWS,), (SOME,), (STATE_ENTRIES,), (SOME,)), STATE)


def write(given: Given) -> Value:
    """`update_recurrent_state`: what a function made of a state is kept, and nothing else."""
    if given.tensor(0, "recurrent_state").kind != NEW_STATE:
        raise NotFollowed("something else is kept for a state than what its function made of it")
    return NONE


def convolved(given: Given) -> Value:
    """`causal_conv1d`: a column for every token of the call, and one more before them."""
    columns, *others = given.everything
    if not isinstance(columns, Tensor) or columns.kind != WINDOW or columns.known[2] != (COLUMNS,):
        raise NotFollowed("a convolution along something else than the window that the cache gives")
    if any(map(carries, others)):
        raise NotFollowed("a convolution whose weights depend on a call")
    return tensor(columns.known, CONVOLVED)


def gone_through(given: Given, name: str) -> Value:
    """A function that takes a state through the tokens of a call, and gives its outputs and the next state.

    Raises:
        NotFollowed: its arguments are not what it takes.
    """
    named = {**dict(zip(_ORDER[name], given.positional, strict=False)), **given.keywords}
    if len(given.positional) > len(_ORDER[name]) or named.keys() - set(_ORDER[name]):
        raise NotFollowed(f"`{name}` is given what it does not take")
    result: tuple[Axis, ...] = ()
    for argument, value in named.items():
        if argument in _ARGUMENTS[name] and not (argument == "z" and value == NONE):
            axes = _axes(value, _ARGUMENTS[name][argument], f"`{argument}`")
            result = axes if argument == _LIKE[name] else result
        elif argument in _STATES:
            _expect_state(value)
        elif argument == "position_ids":
            if not isinstance(value, Tensor) or value.kind != POSITIONS or value.known != ((ROWS,), (TOKENS,)):
                raise NotFollowed("a state is gone through by something else than positions")
        elif carries(value):
            raise NotFollowed(f"`{argument}` depends on a call")
    if not result or "position_ids" not in named or not named.keys() & set(_STATES):
        raise NotFollowed(f"`{name}` is not given all that it takes")
    return Several((tensor(result), tensor(((ROWS,), (SOME,), (STATE_ENTRIES,), (SOME,)), NEW_STATE)))


def _expect_state(value: Value) -> None:
    if not isinstance(value, Tensor) or value.kind != STATE:
        raise NotFollowed("a state begins with something else than what the cache holds")


def _axes(value: Value, layout: str, what: str) -> tuple[Axis, ...]:
    """The axes of an argument, rows first."""
    if not isinstance(value, Tensor) or value.axes is None or len(value.axes) != len(layout) + 1:
        raise NotFollowed(f"{what} has another number of axes")
    found = tuple(axis[:1] if axis in ((ROWS, LEFT), (TOKENS, LEFT)) else axis for axis in value.axes)
    for axis, letter in zip(found, f"R{layout}", strict=True):
        if axis != {"R": (ROWS,), "T": (TOKENS,)}.get(letter, axis) or (letter == "." and followed_in(axis)):
            raise NotFollowed(f"{what} has tokens or rows at another place")
    return found


# What the cache is asked for.
FUNCTIONS: dict[str, Function[[Given], Value]] = {
    "update_conv_state": window,
    "get_recurrent_state": read,
    "update_recurrent_state": write,
}
