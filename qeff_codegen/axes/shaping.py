"""What becomes of axes when a tensor is viewed in another shape, turned, widened or repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qeff_codegen.axes.values import FOLLOWED, LEFT, ONE, SOME, Axis, NotFollowed, followed_in, named

# What stands for -1 in a shape: whatever is left.
REST = None


def viewed(axes: tuple[Axis, ...], shape: Sequence[Axis | None]) -> tuple[Axis, ...]:
    """The axes after `view` or `reshape`.

    Followed factors stay in their order, and what lies between two of them is as much as before: otherwise entries of
    one token would come to stand under another. At most one place may differ in how it is written, since the product
    of all sizes is the same.

    Raises:
        NotFollowed: it cannot be seen that every token keeps its entries.
    """
    before = [factor for axis in axes for factor in axis]
    order = [factor for factor in before if factor in FOLLOWED]
    place = next((index for index, axis in enumerate(shape) if axis is REST), None)
    first = [factor for axis in shape[:place] for factor in axis or () if factor in FOLLOWED]
    last = []
    if place is not None:
        last = [factor for axis in shape[place + 1 :] for factor in axis or () if factor in FOLLOWED]
    rest = order[len(first) : len(order) - len(last)]
    if [*first, *rest, *last] != order or (place is None and rest):
        raise NotFollowed(f"a view takes {named(*axes) or 'axes'} apart in another way than they lie")
    if not order:
        return tuple((SOME,) if axis is REST else axis for axis in shape)
    inner = _between(before, rest) or (SOME,)
    after = [factor for index, axis in enumerate(shape) for factor in (inner if index == place else axis or ())]
    were, are = _gaps(before), _gaps(after)
    unlike = [
        index for index, gap in enumerate(were) if Counter(gap) != Counter(are[index]) or {SOME, LEFT} & set(gap)
    ]
    if len(unlike) > 1:
        raise NotFollowed(f"a view may move entries from one of {named(*axes)} to another")
    if rest and any(_is_less(were[index], are[index]) for index in (len(first), len(first) + len(rest))):
        raise NotFollowed(f"a view may take some of {named(tuple(rest))} apart")
    return tuple(_rest(inner, rest, were, are, order) if axis is REST else axis for axis in shape)


def _is_less(gap: list[str], other: list[str]) -> bool:
    """Whether the same sizes are there and others besides, which must have come from somewhere else."""
    return not {SOME, LEFT} & set(gap) and Counter(gap) < Counter(other)


def _same_size(gap: list[str], other: list[str]) -> bool:
    """Whether the same sizes are there, all of them known by a name."""
    return Counter(gap) == Counter(other) and not {SOME, LEFT} & set(gap)


def _between(factors: list[str], rest: list[str]) -> Axis:
    """The factors from the first of `rest` to the last."""
    if not rest:
        return ()
    return tuple(factors[factors.index(rest[0]) : factors.index(rest[-1]) + 1])


def _gaps(factors: list[str]) -> list[list[str]]:
    """What is not followed, before, between and after what is."""
    gaps: list[list[str]] = [[]]
    for factor in factors:
        if factor in FOLLOWED:
            gaps.append([])
        else:
            gaps[-1].append(factor)
    return gaps


def _rest(inner: Axis, rest: list[str], were: list[list[str]], are: list[list[str]], order: list[str]) -> Axis:
    """The axis that -1 stands for: its followed factors, and what is left over beside them."""
    if not rest:
        gap = next(index for index, sizes in enumerate(are) if SOME in sizes)
        return _left(were[gap], [size for size in are[gap] if size != SOME]) or ONE
    first, after = order.index(rest[0]), order.index(rest[-1]) + 1
    if not _same_size(were[after], are[after]):
        return (*inner, *_perhaps_left(were[after], are[after]))
    if len(were[first]) > len(are[first]):
        return (*_perhaps_left(were[first], are[first]), *inner)
    return inner


def _perhaps_left(were: list[str], are: list[str]) -> Axis:
    """What is left of some sizes; where that cannot be seen, it is mostly nothing."""
    return tuple(LEFT if size == SOME else size for size in _left(were, are))


def _left(were: list[str], are: list[str]) -> Axis:
    """What is left of some sizes when others are taken out of them."""
    left = Counter(were)
    left.subtract(Counter(are))
    if all(count >= 0 for count in left.values()) and not {SOME, LEFT} & set(were):
        return tuple(left.elements())
    return (SOME,)


def widened(axes: tuple[Axis, ...], shape: Sequence[Axis | None]) -> tuple[Axis, ...]:
    """The axes after `expand`, where only an axis of size one may become another."""
    if len(shape) < len(axes):
        raise NotFollowed("an expansion to fewer axes")
    padded = (ONE,) * (len(shape) - len(axes)) + axes
    found: list[Axis] = []
    for axis, wanted in zip(padded, shape, strict=True):
        if wanted is REST or axis == wanted:
            found.append(axis)
        elif axis == ONE:
            found.append(wanted)
        elif followed_in(axis) != followed_in(wanted):
            raise NotFollowed(f"{named(axis, wanted)} and another size are expanded to each other")
        else:
            found.append(axis)
    return tuple(found)


def repeated(axes: tuple[Axis, ...], times: Sequence[Axis]) -> tuple[Axis, ...]:
    """The axes after `repeat`, which writes an axis several times, one after the other."""
    if len(times) < len(axes):
        raise NotFollowed("a repetition along fewer axes than there are")
    padded = (ONE,) * (len(times) - len(axes)) + axes
    found: list[Axis] = []
    for axis, count in zip(padded, times, strict=True):
        if count != ONE and followed_in(axis):
            raise NotFollowed(f"{named(axis)} are repeated")
        found.append((*count, *axis))
    return tuple(found)


def broadcast(*operands: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The axes of what elementwise arithmetic makes of tensors.

    Raises:
        NotFollowed: a followed axis meets another one.
    """
    rank = max(map(len, operands), default=0)
    found: list[Axis] = []
    for place in range(-rank, 0):
        axis: Axis = ONE
        for axes in operands:
            other = axes[place] if -place <= len(axes) else ONE
            axis = met(axis, other)
        found.append(axis)
    return tuple(found)


def _differ_in_one_name(axis: Axis, other: Axis) -> bool:
    """Whether two flattened axes hold the same, so that what is written in two ways must be of one size."""
    if len(axis) != len(other):
        return False
    unlike = [(one, two) for one, two in zip(axis, other, strict=True) if one != two]
    return len(unlike) == 1 and not followed_in(*unlike)


def _differ_in_one_gap(axis: Axis, other: Axis) -> bool:
    """Whether two flattened axes differ beside one followed factor alone, where both then are of one size."""
    if _without_left(axis) != _without_left(other):
        return False
    pairs = list(zip(_gaps(list(axis)), _gaps(list(other)), strict=True))
    unlike = [pair for pair in pairs if not _same_size(*pair)]
    return len(unlike) == 1 and all(unlike[0])


def _without_left(axis: Axis) -> list[str]:
    """The followed factors, where what else is in an axis may be nothing."""
    return [factor for factor in axis if factor in FOLLOWED]


def met(axis: Axis, other: Axis) -> Axis:
    """One axis for two that stand at the same place.

    Raises:
        NotFollowed: one of them is followed, and the other is not the same.
    """
    if axis == other or other == ONE:
        return axis
    if axis == ONE:
        return other
    if followed_in(axis, other):
        if LEFT in axis + other and _without_left(axis) == _without_left(other):
            return axis if LEFT not in axis else other
        if _differ_in_one_name(axis, other) or _differ_in_one_gap(axis, other):
            return axis
        one, two = named(axis) or "another axis", named(other) or "another axis"
        raise NotFollowed(f"{one} meet {two} at the same place" if one != two else f"{one} meet what else they hold")
    # Both are of the same size, or one of them is one: what a configuration calls it says more than where it was made.
    known = [item for item in (axis, other) if SOME not in item and not any("@" in factor for factor in item)]
    return known[0] if len(known) == 1 else (SOME,)
