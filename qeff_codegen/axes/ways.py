"""What is known of a value that is one of two, and how sizes are named that nothing is known of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qeff_codegen.axes.values import (
    CACHE,
    NONE,
    ORDINARY,
    SOME,
    Axis,
    Cache,
    Count,
    Maybe,
    NotKnown,
    OneOf,
    Plain,
    Record,
    Several,
    Shared,
    Table,
    Tensor,
    Value,
    followed_in,
    options,
    present,
)


def joined(one: Value, other: Value) -> Value:
    """What is known of a value that is one of two."""
    if one == other:
        return one
    for value, alternative in ((one, other), (other, one)):
        if value == NONE and isinstance(alternative, Tensor):
            return replace(alternative, optional=True)
        if value == NONE and options(alternative):
            return OneOf(options(alternative))
        if value == NONE and isinstance(alternative, (Several, Table, Record, Count, Shared, Maybe)):
            return alternative if isinstance(alternative, Maybe) else Maybe(alternative)
        if isinstance(value, Maybe):
            return value if alternative == NONE else _maybe(joined(value.value, present(alternative)))
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return _joined_tensors(one, other)
    if isinstance(one, Plain) and isinstance(other, Plain):
        return Plain(one.text if one.text == other.text else SOME)
    if isinstance(one, Several) and isinstance(other, Several):
        return _joined_several(one, other)
    if isinstance(one, Table) and isinstance(other, Table):
        return _joined_tables(one, other)
    if isinstance(one, Record) and isinstance(other, Record):
        ours, theirs = dict(one.items), dict(other.items)
        keys = dict.fromkeys((*ours, *theirs))
        return Record(tuple((key, joined(ours.get(key, NONE), theirs.get(key, NONE))) for key in keys))
    if options(one) and options(other):
        return OneOf(tuple(dict.fromkeys((*options(one), *options(other)))))
    if isinstance(one, Plain) and isinstance(other, Tensor) and not other.followed:
        return Tensor(None)
    if isinstance(one, Tensor) and isinstance(other, Plain) and not one.followed:
        return Tensor(None)
    if isinstance(one, Cache) or isinstance(other, Cache):
        return CACHE
    return _apart(one, other)


def _maybe(value: Value) -> Value:
    return value if isinstance(value, NotKnown) else Maybe(value)


def _apart(one: Value, other: Value) -> Value:
    """Two things that have nothing in common."""
    found: list[Value] = []
    for value in (one, other):
        found += value.alternatives if isinstance(value, NotKnown) else [value]
    return NotKnown("it is one thing or another", tuple(dict.fromkeys(found)))


def put(table: Table, key: Value, value: Value) -> Table:
    """A table with an entry more: under its key, or under any where that is not known."""
    if isinstance(key, Plain) and key.constant is not ...:
        return table.with_item(key.constant, value)
    return Table(table.items, value if table.each is None else joined(table.each, value))


def unnamed(value: Value) -> Value:
    """A value without the names that one run of a function gave to sizes which it did not know."""
    if isinstance(value, Tensor):
        if value.axes is None or not any("@" in factor for axis in value.axes for factor in axis):
            return value
        return replace(value, axes=tuple(map(_unnamed_axis, value.axes)))
    if isinstance(value, Plain):
        return Plain(SOME, value.constant) if "@" in value.text else value
    if isinstance(value, Count):
        return Count(_unnamed_axis(value.axis))
    if isinstance(value, Maybe):
        return Maybe(unnamed(value.value))
    if isinstance(value, NotKnown):
        return NotKnown(value.why, tuple(map(unnamed, value.alternatives)))
    if isinstance(value, Several):
        items = None if value.items is None else tuple(map(unnamed, value.items))
        return Several(items, None if value.each is None else unnamed(value.each), value.kept)
    if isinstance(value, Table):
        entries = tuple((key, unnamed(item)) for key, item in value.items)
        return Table(entries, None if value.each is None else unnamed(value.each), value.kept)
    if isinstance(value, Record):
        return Record(tuple((key, unnamed(item)) for key, item in value.items))
    return value


def _unnamed_axis(axis: Axis) -> Axis:
    return tuple(SOME if "@" in factor else factor for factor in axis)


def sized(value: Value, place: str) -> Value:
    """A value whose unknown sizes have names, by which they are known to be the same until the function returns."""
    if isinstance(value, Tensor) and value.axes is not None and any(SOME in axis for axis in value.axes):
        return replace(
            value,
            axes=tuple(
                (
                    tuple(f"{place}@{number}" if factor == SOME else factor for factor in axis)
                    if axis.count(SOME) == 1
                    else axis
                )
                for number, axis in enumerate(value.axes)
            ),
        )
    return value


def _joined_tensors(one: Tensor, other: Tensor) -> Value:
    optional, kept = one.optional or other.optional, one.kept or other.kept
    if one.axes is None or other.axes is None or len(one.axes) != len(other.axes):
        if one.followed | other.followed:
            return NotKnown("it has these axes or others")
        # A number or one for each feature: what meets it has the same axes after it.
        few = one.axes is not None and other.axes is not None and max(len(one.axes), len(other.axes)) == 1
        return Tensor(((SOME,),) if few else None, ORDINARY, optional, kept)
    axes: list[Axis] = []
    for left, right in zip(one.axes, other.axes, strict=True):
        if left == right:
            axes.append(left)
        elif followed_in(left, right):
            return NotKnown("it has these axes or others")
        else:
            axes.append((SOME,))
    return Tensor(tuple(axes), one.kind if one.kind == other.kind else ORDINARY, optional, kept)


def _joined_several(one: Several, other: Several) -> Value:
    kept = one.kept or other.kept
    if one.items is not None and other.items is not None and len(one.items) == len(other.items):
        return Several(tuple(joined(*pair) for pair in zip(one.items, other.items, strict=True)), None, kept)
    return Several(None, each_of(one, other), kept)


def each_of(*several: Several) -> Value | None:
    """What every item of some tuples and lists is."""
    found: Value | None = None
    for item in several:
        for value in item.items if item.items is not None else (item.each,):
            if value is not None:
                found = value if found is None else joined(found, value)
    return found


def _joined_tables(one: Table, other: Table) -> Value:
    ours, theirs = dict(one.items), dict(other.items)
    items: dict[Any, Value] = {}
    for key in dict.fromkeys((*ours, *theirs)):
        left, right = one.get(key), other.get(key)
        present = left if right is None else right if left is None else joined(left, right)
        assert present is not None, "the key is one of theirs"
        items[key] = present
    both = [value for value in (one.each, other.each) if value is not None]
    each = None if not both else both[0] if len(both) == 1 else joined(*both)
    return Table(tuple(items.items()), each, one.kept or other.kept)
