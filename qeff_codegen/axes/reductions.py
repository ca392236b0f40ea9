"""What looks along an axis: sums and means, orders, softmax, norms. Along followed axes only attention may."""

from __future__ import annotations

from qeff_codegen.axes.elementwise import computed
from qeff_codegen.axes.given import Given, counted
from qeff_codegen.axes.values import (
    FARTHEST,
    KEYS,
    KEYS_AND_SINK,
    LAST,
    MASKED,
    ONE,
    ONES,
    ORDINARY,
    POSITIONS,
    SOME,
    TOKENS,
    WEIGHTS,
    Axis,
    NotFollowed,
    Plain,
    Several,
    Tensor,
    Value,
    followed_in,
    named,
    tensor,
)

# Along which argument, where it is not the first.
_AXIS_SECOND = frozenset({"norm", "quantile", "kthvalue"})
# What gives the place beside the value.
_WITH_PLACES = frozenset({"max", "min", "median", "mode", "cummax", "cummin", "sort", "topk", "kthvalue"})
REDUCTIONS = frozenset(
    [
        "sum",
        "mean",
        "prod",
        "std",
        "var",
        "amax",
        "amin",
        "argmax",
        "argmin",
        "any",
        "all",
        "count_nonzero",
        "norm",
        "logsumexp",
        "nansum",
        "nanmean",
        "max",
        "min",
        "median",
        "mode",
        "quantile",
        "kthvalue",
    ]
)
ALONG = frozenset(
    [
        "cumsum",
        "cumprod",
        "cummax",
        "cummin",
        "logcumsumexp",
        "softmax",
        "log_softmax",
        "softmin",
        "sort",
        "argsort",
        "flip",
        "roll",
        "diff",
        "renorm",
        "normalize",
    ]
)
# Of masked scores, what no key beyond the masked ones takes part in; of weights, what zeros add nothing to.
_OF_MASKED = frozenset({"softmax", "logsumexp", "amax", "max", "log_softmax"})
_OF_WEIGHTS = frozenset({"sum"})


def reduced(given: Given) -> Value:
    """A reduction along some axes, or along all of them."""
    if given.name in {"max", "min"} and isinstance(given.take(1, "other"), Tensor):
        return computed(f"{given.name}imum", [given.tensor(0, "input"), given.tensor(1, "other")])
    states = given.tensor(0, "input", "self")
    axes = _axes(given, states)
    kind = _allowed(given, states, axes)
    keeps = given.truth(len(given.positional), "keepdim", "keepdims") or _keeps_by_place(given)
    left = [ONE if place in axes else axis for place, axis in enumerate(states.known)]
    if not keeps:
        left = [axis for place, axis in enumerate(states.known) if place not in axes]
    result = tensor(tuple(left), kind)
    if given.name in _WITH_PLACES and given.take(1, "dim") is not None:
        return with_places(result)
    return result


def _keeps_by_place(given: Given) -> bool:
    return given.truth(3 if given.name in _AXIS_SECOND else 2)


def _axes(given: Given, states: Tensor) -> set[int]:
    value = given.take(2 if given.name in _AXIS_SECOND else 1, "dim", "axis")
    rank = len(states.known)
    if value is None or (isinstance(value, Plain) and value.constant is None):
        return set(range(rank))
    items = value.items if isinstance(value, Several) and value.items is not None else (value,)
    if not all(isinstance(item, Plain) and isinstance(item.constant, int) for item in items):
        raise NotFollowed(f"`{given.name}` along an axis that is not written out")
    return {counted(item.constant, rank) for item in items if isinstance(item, Plain)}


def _allowed(given: Given, states: Tensor, axes: set[int]) -> str:
    """What a reduction along followed axes is; ordinary where it follows none.

    Raises:
        NotFollowed: it mixes what must not be mixed.
    """
    along = followed_in(*(states.known[place] for place in axes))
    if not along:
        return states.kind if states.kind == WEIGHTS and given.name in {"sum", "mean"} else ORDINARY
    if states.kind == POSITIONS and along == {TOKENS}:
        # The last-token logits ask for the place of the largest position; tables of a rotation for the position.
        if given.name == "argmax":
            return LAST
        if given.name == "amax" and given.in_rotation:
            return FARTHEST
    if along <= {KEYS, KEYS_AND_SINK}:
        if states.kind == MASKED and given.name in _OF_MASKED:
            return ORDINARY
        if states.kind == WEIGHTS and given.name in _OF_WEIGHTS:
            return ORDINARY
    raise NotFollowed(f"`{given.name}` mixes {named(*(states.known[place] for place in sorted(axes)))}")


def with_places(values: Tensor) -> Value:
    """Values and their places, which are had by name and by number."""
    return Several((values, values.of_kind(ORDINARY)))


def along(given: Given) -> Value:
    """What keeps an axis and looks along it."""
    states = given.tensor(0, "input", "self")
    value = given.take(2 if given.name in {"roll", "normalize", "renorm"} else 1, "dim", "dims", "axis")
    items: tuple[Value, ...] = value.items or () if isinstance(value, Several) else (value,) if value else ()
    if given.name == "flip" and not isinstance(value, Several):
        items = given.positional[1:]
    if not items and given.name in {"sort", "argsort", "diff", "normalize"}:
        items = (Plain("-1", -1),) if given.name != "normalize" else (Plain("1", 1),)
    if not items:
        raise NotFollowed(f"`{given.name}` along no axis that is written out")
    kind = ORDINARY
    for item in items:
        if not isinstance(item, Plain) or not isinstance(item.constant, int):
            raise NotFollowed(f"`{given.name}` along an axis that is not written out")
        axis = states.known[counted(item.constant, len(states.known))]
        if followed_in(axis):
            if states.kind == ONES and given.name == "cumsum" and axis == (KEYS,):
                # Slots of the context counted from the first: their positions.
                continue
            if states.kind != MASKED or given.name != "softmax" or not followed_in(axis) <= {KEYS, KEYS_AND_SINK}:
                raise NotFollowed(_mixing(given, states, axis))
            kind = WEIGHTS
    result = states.of_kind(kind)
    return with_places(result) if given.name in _WITH_PLACES else result


def _mixing(given: Given, states: Tensor, axis: Axis) -> str:
    if given.name == "softmax" and followed_in(axis) <= {KEYS, KEYS_AND_SINK}:
        return "a softmax along keys that the mask was not the last to change"
    return f"`{given.name}` mixes {named(axis)}"


def normed(given: Given) -> Value:
    """`F.layer_norm` and `F.rms_norm`, over as many of the last axes as their shape has."""
    states = given.tensor(0, "input")
    shape = given.take(1, "normalized_shape")
    if not states.followed:
        return states.of_kind(ORDINARY)
    if not isinstance(shape, Several) or shape.items is None:
        raise NotFollowed(f"`{given.name}` over axes that are not written out")
    return norm_over(states, len(shape.items))


def norm_over(states: Tensor, count: int) -> Tensor:
    """A norm over the last axes."""
    last = states.known[len(states.known) - count :]
    if followed_in(*last):
        raise NotFollowed(f"a norm mixes {named(*last)}")
    return states.of_kind(ORDINARY)


def largest(given: Given) -> Value:
    """`topk`, along the last axis where no other is named."""
    states = given.tensor(0, "input", "self")
    place = given.axis(states, 2, "dim")
    place = len(states.known) - 1 if place is None else place
    if followed_in(states.known[place]):
        raise NotFollowed(f"`topk` mixes {named(states.known[place])}")
    count = given.take(1, "k")
    axis = count.axis if isinstance(count, Plain) else (SOME,)
    return with_places(tensor((*states.known[:place], axis, *states.known[place + 1 :])))
