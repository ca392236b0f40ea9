"""What an operation is given: its name, its arguments, and how they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

from qeff_codegen.axes.values import (
    NONE,
    Axis,
    Count,
    NotFollowed,
    NotKnown,
    Plain,
    Several,
    Start,
    Tensor,
    Value,
    carries,
    meant,
    named,
)


@dataclass(frozen=True)
class Given:
    """The arguments of one operation, the tensor itself first where it is called as a method.

    Attributes:
        in_rotation: whether the function belongs to a rotary embedding, whose tables we make.
        wanted: how many values are unpacked of the result, where it is.
        complete: whether nothing was given beside what is here, by a `*` of which it is not known how much it holds.
    """

    name: str
    positional: tuple[Value, ...]
    keywords: dict[str, Value]
    in_rotation: bool = False
    wanted: int | None = None
    complete: bool = True

    @overload
    def take(self, place: int, *names: str) -> Value | None: ...
    @overload
    def take(self, place: int, *names: str, default: Value) -> Value: ...
    def take(self, place: int, *names: str, default: Value | None = None) -> Value | None:
        """One argument by its place or by one of its names."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.positional[place] if place < len(self.positional) else default

    def tensor(self, place: int, *names: str) -> Tensor:
        """One argument that must be a tensor."""
        return as_tensor(self.take(place, *names))

    def number(self, place: int, *names: str) -> int | None:
        """One argument that must be a number written out; None where it is not there."""
        value = self.take(place, *names)
        if value is None or value == NONE:
            return None
        if isinstance(value, Plain) and isinstance(value.constant, int):
            return value.constant
        raise NotFollowed(f"`{self.name}` along an axis that is not written out")

    def truth(self, place: int, *names: str) -> bool:
        """One argument that is true or false, false where it is not there."""
        value = self.take(place, *names)
        return isinstance(value, Plain) and value.constant is True

    def axis(self, tensor: Tensor, place: int, *names: str) -> int | None:
        """The place of the axis that one argument names, counted from the first."""
        number = self.number(place, *names)
        return None if number is None else counted(number, len(tensor.known))

    def shape(self, start: int, *names: str) -> list[Axis | None]:
        """Sizes given one by one or as one tuple; None where -1 is written."""
        named_shape = self.take(start, *names)
        if isinstance(named_shape, Several):
            return sizes(named_shape)
        return [size(value) for value in self.positional[start:]]

    @property
    def everything(self) -> tuple[Value, ...]:
        """All arguments, named or not."""
        return (*self.positional, *self.keywords.values())


def counted(number: int, rank: int) -> int:
    """The place of an axis counted from the first, whichever end it was counted from."""
    place = number + rank if number < 0 else number
    if not 0 <= place < max(rank, 1):
        raise NotFollowed("an axis that is not there")
    return place


def as_tensor(value: Value | None) -> Tensor:
    """A value as the tensor that it is, or that it is as good as."""
    value = None if value is None else meant(value, Tensor)
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Plain):
        return Tensor(())
    if isinstance(value, (Count, Start)):
        raise NotFollowed(f"the number of {named(value.axis)} enters arithmetic")
    if isinstance(value, NotKnown):
        raise NotFollowed(value.why)
    if not carries(value):
        return Tensor(None)
    raise NotFollowed("a tensor is expected")


def sizes(shape: Several) -> list[Axis | None]:
    """The sizes in a shape."""
    if shape.items is None:
        raise NotFollowed("it is not known how many axes a shape has")
    return [size(value) for value in shape.items]


def size(value: Value) -> Axis | None:
    """The axis that has a size; None for -1."""
    if isinstance(value, Plain):
        return None if value.constant == -1 else value.axis
    if isinstance(value, Count):
        return value.axis
    if isinstance(value, NotKnown):
        raise NotFollowed(value.why)
    raise NotFollowed("a size that is no number")
