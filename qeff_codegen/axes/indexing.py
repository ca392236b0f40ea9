"""What a subscript takes: slices, single places, and rows of a table by their numbers."""

from __future__ import annotations

from dataclasses import dataclass

from qeff_codegen.axes.shaping import broadcast
from qeff_codegen.axes.values import (
    CHOSEN,
    COLUMNS,
    CONVOLVED,
    FOLLOWED,
    KEYS,
    KEYS_AND_SINK,
    LAST,
    ONE,
    ORDINARY,
    OWN_TABLE,
    OWNERS,
    ROW_PLACES,
    ROWS,
    SOME,
    TOKENS,
    Axis,
    Count,
    NotFollowed,
    NotKnown,
    Plain,
    Several,
    Start,
    Tensor,
    Value,
    followed_in,
    named,
    tensor,
)


@dataclass(frozen=True, slots=True)
class Last:
    """The bound of a slice that takes as many places from the end as an axis is long: `[-length:]`."""

    axis: Axis


@dataclass(frozen=True, slots=True)
class Cut:
    """A slice; bounds that are not written are None."""

    lower: Value | Last | None
    upper: Value | None
    step: Value | None

    @property
    def is_whole(self) -> bool:
        """Whether it takes everything."""
        bounds = (self.lower, self.upper, self.step)
        return all(bound is None or (isinstance(bound, Plain) and bound.constant is None) for bound in bounds)


ELLIPSIS = Plain("...", ...)
Index = Value | Cut | None


def indexed(states: Tensor, items: list[Index]) -> Tensor:
    """The tensor that a subscript takes; None among the items is a new axis, `ELLIPSIS` is `...`."""
    axes = list(states.known)
    taken = sum(item is not None and item is not ELLIPSIS for item in items)
    if ELLIPSIS in items:
        place = items.index(ELLIPSIS)
        items = [*items[:place], *[Cut(None, None, None)] * (len(axes) - taken), *items[place + 1 :]]
    kind, found, tensors = states.kind, list[Axis](), list[tuple[int, Tensor, Axis]]()
    for item in items:
        if item is None:
            found.append(ONE)
            continue
        if not axes:
            raise NotFollowed("a subscript of more axes than there are")
        axis = axes.pop(0)
        if isinstance(item, Cut):
            found.append(_cut(axis, item, kind))
        elif isinstance(item, Tensor) and item.axes != ():
            tensors.append((len(found), item, axis))
        elif isinstance(item, Several) and not followed_in(axis):
            found.append((SOME,))
        elif followed_in(axis):
            raise NotFollowed(f"one of {named(axis)} is taken by its place")
        elif isinstance(item, (Count, Start, NotKnown)):
            raise NotFollowed("a place is taken that counts a followed axis")
    found += axes
    if not tensors:
        return tensor(tuple(found), ORDINARY if kind == CONVOLVED else kind)
    return _taken(found, tensors)


def _taken(found: list[Axis], tensors: list[tuple[int, Tensor, Axis]]) -> Tensor:
    """What numbers of rows take: their axes stand where the first axis stood that they replace."""
    places = [place for place, _, _ in tensors]
    if len(set(places)) != 1:
        raise NotFollowed("rows are taken along axes that do not stand side by side")
    numbers = [item for _, item, _ in tensors]
    replaced = [axis for _, _, axis in tensors]
    if any(map(followed_in, replaced)):
        _must_be_own(numbers, replaced)
    axes = list(broadcast(*(item.known for item in numbers)))
    if any(item.kind == LAST for item in numbers):
        axes[-1] = (CHOSEN,)
    return tensor((*found[: places[0]], *axes, *found[places[0] :]), ORDINARY)


def _must_be_own(numbers: list[Tensor], replaced: list[Axis]) -> None:
    """Along followed axes only each row's own is taken: its last token, or all that was flattened, as it stands."""
    if replaced == [(ROWS,), (TOKENS,)]:
        rows, token = numbers
        if rows.kind == ROW_PLACES and rows.known == ((ROWS,), ONE) and token.kind == LAST:
            return
    if len(numbers) == 1 and len(numbers[0].known) == 1:
        (entries,), (flattened,) = numbers[0].known, replaced
        as_they_are = numbers[0].kind == ROW_PLACES and len(entries) == len(flattened)
        of_owners = numbers[0].kind == OWNERS and all(factor in FOLLOWED for factor in flattened)
        if _same_rows(entries, flattened) and (as_they_are or of_owners):
            return
    raise NotFollowed(f"{named(*replaced)} are taken by their places")


def _same_rows(numbers: Axis, axis: Axis) -> bool:
    """Whether numbers that run over a flattened axis are those of another, or of its rows alone."""
    followed = [factor for factor in numbers if followed_in((factor,))]
    return followed == [factor for factor in axis if followed_in((factor,))]


def _cut(axis: Axis, item: Cut, kind: str) -> Axis:
    if item.is_whole:
        return axis
    bounds = (item.lower, item.upper, item.step)
    if any(isinstance(bound, Tensor) and bound.axes != () for bound in bounds):
        raise NotFollowed("a slice between values")
    if axis == (KEYS_AND_SINK,) and _is(item.upper, -1) and item.lower is None and item.step is None:
        return (KEYS,)
    upper = item.upper
    if isinstance(upper, Count) and _starts(item.lower) and item.step is None:
        # The first places of a table by keys are those of the keys, since a key stands at its position.
        if axis == upper.axis or (upper.axis == (KEYS,) and not followed_in(axis)):
            return upper.axis
    if isinstance(item.lower, Start) and item.upper is None and item.step is None and kind == OWN_TABLE:
        return item.lower.axis
    if isinstance(item.lower, Last) and item.lower.axis == (TOKENS,) and item.upper is None and item.step is None:
        # The columns of the call's own tokens are the last ones; of tokens, the last ones are all.
        if axis == (TOKENS,) or (axis == (COLUMNS,) and kind == CONVOLVED):
            return (TOKENS,)
    if followed_in(axis):
        raise NotFollowed(f"some of {named(axis)} are taken by their places")
    if any(isinstance(bound, (Count, Start, Last, NotKnown)) for bound in bounds):
        raise NotFollowed("a table is cut by the size of a followed axis")
    return (SOME,)


def _starts(bound: Value | Last | None) -> bool:
    return bound is None or _is(bound, 0)


def _is(bound: Value | Last | None, number: int) -> bool:
    return isinstance(bound, Plain) and bound.constant == number
