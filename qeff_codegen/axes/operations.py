"""Operations by their names: functions of torch and methods of tensors, and what becomes of axes in each.

What does not stand here is not understood, and refused where it is given a followed axis.
"""

from __future__ import annotations

from collections.abc import Callable as Function
from collections.abc import Sequence

from qeff_codegen.axes import contractions, elementwise, joining, making, reductions, shaping
from qeff_codegen.axes.given import Given, counted, size
from qeff_codegen.axes.values import (
    ONE,
    SOME,
    Axis,
    Count,
    NotFollowed,
    Plain,
    Several,
    Tensor,
    Value,
    followed_in,
    named,
    tensor,
)

Operation = Function[[Given], Value]


def shape_of(states: Tensor) -> Several:
    """The sizes of all axes."""
    if states.axes is None:
        return Several(None, Plain())
    return Several(tuple(number_of(axis) for axis in states.axes))


def number_of(axis: Axis) -> Value:
    """The size of an axis."""
    if followed_in(axis):
        return Count(axis)
    if axis == ONE:
        return Plain("1", 1)
    if len(axis) == 1:
        return Plain(axis[0], int(axis[0])) if axis[0].isdigit() else Plain(axis[0])
    return Plain(" * ".join(axis), ..., axis)


def _sizes(given: Given) -> Value:
    states = given.tensor(0)
    place = given.axis(states, 1, "dim") if states.axes is not None else None
    return shape_of(states) if place is None else number_of(states.known[place])


def _view(given: Given) -> Value:
    states = given.tensor(0, "input")
    shape = given.shape(1, "shape", "size")
    return tensor(shaping.viewed(states.known, shape), states.kind)


def _view_as(given: Given) -> Value:
    states, other = given.tensor(0), given.tensor(1, "other")
    return tensor(shaping.viewed(states.known, other.known), states.kind)


def _rank(given: Given) -> Value:
    rank = len(given.tensor(0).known)
    return Plain(str(rank), rank)


def _count(given: Given) -> Value:
    factors = tuple(factor for axis in given.tensor(0).known for factor in axis)
    return number_of(factors)


def _transpose(given: Given) -> Value:
    states = given.tensor(0, "input")
    axes = list(states.known)
    one, other = given.axis(states, 1, "dim0"), given.axis(states, 2, "dim1")
    if one is None or other is None:
        one, other = -2, -1
    axes[one], axes[other] = axes[other], axes[one]
    return tensor(tuple(axes), states.kind)


def _permute(given: Given) -> Value:
    states = given.tensor(0, "input")
    order = given.take(1, "dims")
    items: Sequence[Value] = order.items or () if isinstance(order, Several) else given.positional[1:]
    places = [counted(_written(item), len(states.known)) for item in items]
    if sorted(places) != list(range(len(states.known))):
        raise NotFollowed("axes are put in an order that is not understood")
    return tensor(tuple(states.known[place] for place in places), states.kind)


def _written(value: Value) -> int:
    if isinstance(value, Plain) and isinstance(value.constant, int):
        return value.constant
    raise NotFollowed("an axis that is not written out")


def _unsqueezed(given: Given) -> Value:
    states = given.tensor(0, "input")
    axes = list(states.known)
    number = given.number(1, "dim")
    if number is None:
        raise NotFollowed("an axis that is not written out")
    axes.insert(counted(number, len(axes) + 1), ONE)
    return tensor(tuple(axes), states.kind)


def _squeezed(given: Given) -> Value:
    states = given.tensor(0, "input")
    place = given.axis(states, 1, "dim")
    if place is None and not states.followed:
        return Tensor(tuple(axis for axis in states.known if axis != ONE))
    if place is None:
        raise NotFollowed("all axes of size one are dropped, whichever they are")
    axis = states.known[place]
    if followed_in(axis):
        raise NotFollowed(f"{named(axis)} are dropped where there is one")
    if axis not in (ONE, (SOME,)) and not states.followed:
        return states
    if axis not in (ONE, (SOME,)):
        raise NotFollowed("an axis is dropped that may be of another size than one")
    return tensor((*states.known[:place], *states.known[place + 1 :]), states.kind)


def _flattened(given: Given) -> Value:
    states = given.tensor(0, "input")
    first = given.axis(states, 1, "start_dim") or 0
    last = given.axis(states, 2, "end_dim")
    last = len(states.known) - 1 if last is None else last
    axis = tuple(factor for item in states.known[first : last + 1] for factor in item)
    return tensor((*states.known[:first], axis, *states.known[last + 1 :]), states.kind)


def _unflattened(given: Given) -> Value:
    states = given.tensor(0, "input")
    place = given.axis(states, 1, "dim")
    if place is None:
        raise NotFollowed("an axis that is not written out")
    parts = shaping.viewed((states.known[place],), given.shape(2, "sizes", "unflattened_size"))
    return tensor((*states.known[:place], *parts, *states.known[place + 1 :]), states.kind)


def _expanded(given: Given) -> Value:
    states = given.tensor(0, "input")
    return tensor(shaping.widened(states.known, given.shape(1, "size")), states.kind)


def _expanded_as(given: Given) -> Value:
    states, other = given.tensor(0), given.tensor(1, "other")
    return tensor(shaping.widened(states.known, other.known), states.kind)


def _repeated(given: Given) -> Value:
    states = given.tensor(0, "input")
    times = [(SOME,) if axis is None else axis for axis in given.shape(1, "repeats", "dims")]
    return tensor(shaping.repeated(states.known, times), states.kind)


def _interleaved(given: Given) -> Value:
    """`repeat_interleave`: every entry several times, one after the other."""
    states = given.tensor(0, "input")
    times = given.take(1, "repeats")
    place = given.axis(states, 2, "dim")
    axis = None if times is None or isinstance(times, Tensor) else size(times)
    if place is None or axis is None:
        raise NotFollowed("`repeat_interleave` of another number of times for each")
    if followed_in(axis) or followed_in(states.known[place]):
        raise NotFollowed(f"{named(axis, states.known[place])} are repeated")
    return tensor((*states.known[:place], (*states.known[place], *axis), *states.known[place + 1 :]), states.kind)


def _one_hot(given: Given) -> Value:
    return tensor((*given.tensor(0, "tensor", "input").known, (SOME,)))


def _upper(given: Given) -> Value:
    """`tril`, `triu`: entries by the places of their last two axes."""
    states = given.tensor(0, "input")
    if followed_in(*states.known[-2:]):
        raise NotFollowed(f"`{given.name}` chooses {named(*states.known[-2:])} by their places")
    return states


OPERATIONS: dict[str, Operation] = {
    **dict.fromkeys(elementwise.ELEMENTWISE, elementwise.elementwise),
    **dict.fromkeys(reductions.REDUCTIONS, reductions.reduced),
    **dict.fromkeys(reductions.ALONG, reductions.along),
    "where": elementwise.chosen,
    "masked_fill": elementwise.filled,
    "layer_norm": reductions.normed,
    "rms_norm": reductions.normed,
    "topk": reductions.largest,
    **dict.fromkeys(("matmul", "bmm", "mm"), contractions.product),
    **dict.fromkeys(("baddbmm", "addmm"), contractions.product_added),
    "linear": contractions.linear,
    "einsum": contractions.einsum,
    **dict.fromkeys(("cat", "concat", "concatenate"), joining.concatenated),
    "stack": joining.stacked,
    **dict.fromkeys(("split", "chunk", "unbind"), joining.cut),
    **dict.fromkeys(("gather", "take_along_dim"), joining.gathered),
    **dict.fromkeys(("scatter", "scatter_add"), joining.scattered),
    "index_select": joining.selected,
    **dict.fromkeys(("zeros", "ones", "empty", "rand", "randn"), making.made_of_sizes),
    **dict.fromkeys(("new_zeros", "new_ones", "new_empty"), making.new_of_sizes),
    **dict.fromkeys(("zeros_like", "ones_like", "empty_like", "rand_like", "full_like"), making.made_like),
    "full": making.filled_with,
    "arange": making.places,
    "tensor": making.of_numbers,
    **dict.fromkeys(("view", "reshape"), _view),
    **dict.fromkeys(("view_as", "reshape_as"), _view_as),
    **dict.fromkeys(("transpose", "swapaxes", "t"), _transpose),
    "permute": _permute,
    "unsqueeze": _unsqueezed,
    "squeeze": _squeezed,
    "flatten": _flattened,
    "unflatten": _unflattened,
    **dict.fromkeys(("expand", "broadcast_to"), _expanded),
    "expand_as": _expanded_as,
    **dict.fromkeys(("repeat", "tile"), _repeated),
    "repeat_interleave": _interleaved,
    "one_hot": _one_hot,
    "copy": elementwise.copied,
    **dict.fromkeys(("tril", "triu"), _upper),
    "size": _sizes,
    **dict.fromkeys(("dim", "ndimension"), _rank),
    **dict.fromkeys(("numel", "nelement"), _count),
    "normal": making.drawn,
    **dict.fromkeys(("uniform", "exponential", "normal_"), making.made_like),
}


# What takes sizes of axes among its arguments, and says itself what becomes of them.
TAKING_SIZES = frozenset(
    [
        *("view", "reshape", "expand", "broadcast_to", "repeat", "tile", "unflatten", "repeat_interleave", "arange"),
        *("zeros", "ones", "empty", "rand", "randn", "new_zeros", "new_ones", "new_empty", "normal"),
        *("full", "tensor"),
    ]
)


def operation(name: str) -> Operation | None:
    """What an operation does, one that writes into its tensor like the one that makes another."""
    return OPERATIONS.get(name) or (OPERATIONS.get(name[:-1]) if name.endswith("_") else None)
