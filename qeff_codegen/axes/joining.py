"""Tensors joined along an axis, cut along one, and entries taken from along one."""

from __future__ import annotations

from qeff_codegen.axes.given import Given, as_tensor, counted
from qeff_codegen.axes.indexing import Cut, indexed
from qeff_codegen.axes.shaping import broadcast, met
from qeff_codegen.axes.values import (
    KEYS,
    KEYS_AND_SINK,
    MASKED,
    ONE,
    ORDINARY,
    SOME,
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


def _tensors(given: Given) -> tuple[list[Tensor], bool]:
    """The tensors to join, and whether there may be more of each."""
    value = given.take(0, "tensors")
    if isinstance(value, Several):
        if value.items is not None:
            return [as_tensor(item) for item in value.items], False
        return [as_tensor(value.each)], True
    raise NotFollowed(f"`{given.name}` of what is no list")


def concatenated(given: Given) -> Value:
    """`cat`: along an axis that is not followed, or keys with one sink after them."""
    tensors, more = _tensors(given)
    if not any(item.followed for item in tensors):
        return Tensor(tensors[0].axes and ((SOME,),) * len(tensors[0].axes))
    number = given.number(1, "dim", "axis") or 0
    rank = len(tensors[0].known)
    place = counted(number, rank)
    if any(len(item.known) != rank for item in tensors):
        raise NotFollowed("tensors of another number of axes are joined")
    axis: Axis = (SOME,)
    along = [item.known[place] for item in tensors]
    if any(map(followed_in, along)):
        sinks = not more and len(along) == 2 and along[0] == (KEYS,) and along[1] in (ONE, (SOME,))
        if not sinks or tensors[0].kind != MASKED or tensors[1].kind != ORDINARY:
            raise NotFollowed(f"something is joined to {named(*along)}")
        axis = (KEYS_AND_SINK,)
    kinds = {item.kind for item in tensors}
    others = [broadcast_at(tensors, other) if other != place else axis for other in range(rank)]
    kind = MASKED if axis == (KEYS_AND_SINK,) else kinds.pop() if len(kinds) == 1 else ORDINARY
    return tensor(tuple(others), kind)


def broadcast_at(tensors: list[Tensor], place: int) -> Axis:
    """One axis of tensors that agree in it."""
    axis = tensors[0].known[place]
    for item in tensors[1:]:
        axis = met(axis, item.known[place])
    return axis


def stacked(given: Given) -> Value:
    """`stack`: a new axis."""
    tensors, _ = _tensors(given)
    if not any(item.followed for item in tensors):
        return Tensor(None) if tensors[0].axes is None else Tensor(((SOME,), *tensors[0].axes))
    axes = list(broadcast(*(item.known for item in tensors)))
    number = given.number(1, "dim") or 0
    place = number + len(axes) + 1 if number < 0 else number
    axes.insert(place, (SOME,))
    return tensor(tuple(axes))


def cut(given: Given) -> Value:
    """`split`, `chunk`, `unbind`: several parts, along an axis that is not followed."""
    states = given.tensor(0, "input", "self", "tensor")
    parts = given.take(1, "split_size_or_sections", "split_size", "chunks", "sections", "indices_or_sections")
    number = given.number(1 if given.name == "unbind" else 2, "dim") or 0
    if states.axes is None:
        return Several(None, Tensor(None))
    place = counted(number, len(states.known))
    if followed_in(states.known[place]):
        raise NotFollowed(f"{named(states.known[place])} are cut apart")
    before, after = states.known[:place], states.known[place + 1 :]
    if given.name == "unbind":
        return Several(None, tensor((*before, *after), states.kind))
    if isinstance(parts, Several) and parts.items is not None:
        return Several(tuple(tensor((*before, _width(item), *after), states.kind) for item in parts.items))
    part = tensor((*before, (SOME,), *after), states.kind)
    if given.name == "chunk" and isinstance(parts, Plain) and isinstance(parts.constant, int):
        return Several((part,) * parts.constant)
    return Several(None, part)


def _width(value: Value) -> Axis:
    return value.axis if isinstance(value, Plain) else (SOME,)


def gathered(given: Given) -> Value:
    """`gather`, `take_along_dim`: entries along an axis that is not followed, by places of the same token."""
    states, place, index = _along(given)
    _must_agree(given, states, index, place)
    axis = index.known[place]
    return tensor((*states.known[:place], axis, *states.known[place + 1 :]))


def scattered(given: Given) -> Value:
    """`scatter` and its like: entries written along an axis that is not followed, by places of the same token."""
    states, place, index = _along(given)
    if states.followed | index.followed:
        _must_agree(given, states, index, place)
    source = given.take(3, "src", "value")
    if isinstance(source, Tensor) and source.axes != ():
        _must_agree(given, states, source, place)
    return states.of_kind(ORDINARY)


def _along(given: Given) -> tuple[Tensor, int, Tensor]:
    states = given.tensor(0, "input", "self")
    place = given.axis(states, 1, "dim")
    if place is None:
        raise NotFollowed(f"`{given.name}` along no axis that is written out")
    if followed_in(states.known[place]):
        raise NotFollowed(f"`{given.name}` takes {named(states.known[place])} by their places")
    return states, place, given.tensor(2, "index", "indices")


def _must_agree(given: Given, states: Tensor, other: Tensor, place: int) -> None:
    if len(other.known) != len(states.known):
        raise NotFollowed(f"`{given.name}` by places of another number of axes")
    for number, (axis, its) in enumerate(zip(states.known, other.known, strict=True)):
        # Along the axis itself places of a followed axis would give it to another; beside it, fewer would do.
        if number == place and followed_in(its):
            raise NotFollowed(f"`{given.name}` by places of {named(its)}")
        if number != place and followed_in(axis, its) and axis != its:
            raise NotFollowed(f"`{given.name}` takes some of {named(axis, its)}")


def selected(given: Given) -> Value:
    """`index_select`: rows of a table by their places."""
    states, index = given.tensor(0, "input"), given.tensor(2, "index")
    place = given.axis(states, 1, "dim")
    if place is None or len(index.known) > 1:
        raise NotFollowed("`index_select` by places of several axes, or along none that is written out")
    return indexed(states, [*[Cut(None, None, None)] * place, index if index.known else Several(())])
