"""Tensors that are made of sizes, and places counted along an axis."""

from __future__ import annotations

from qeff_codegen.axes.elementwise import computed
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.values import (
    KEYS,
    ONES,
    ORDINARY,
    ROW_PLACES,
    ROWS,
    SMALLEST,
    SOME,
    Axis,
    Count,
    NotFollowed,
    Plain,
    Several,
    Tensor,
    Value,
    carries,
    named,
    tensor,
)

# How the smallest number of a type is written.
_LEAST = "limits of a type.min"


def made_of_sizes(given: Given) -> Value:
    """`zeros`, `ones`, `empty`, `rand`."""
    return Tensor(_known(given.shape(0, "size")), ONES if given.name == "ones" else ORDINARY)


def drawn(given: Given) -> Value:
    """`normal(mean, std, size)`."""
    return Tensor(_known(given.shape(2, "size")))


def filled_with(given: Given) -> Value:
    """`full(size, value)`."""
    shape, value = given.take(0, "size"), given.take(1, "fill_value")
    if not isinstance(shape, Several):
        raise NotFollowed("`full` of a shape that is not written out")
    if carries(value):
        computed("full", [value] if value is not None else [])
    kind = SMALLEST if isinstance(value, Plain) and value.text == _LEAST else ORDINARY
    return Tensor(_known(Given("full", (shape,), {}).shape(0)), kind)


def made_like(given: Given) -> Value:
    """`zeros_like` and its like."""
    return Tensor(given.tensor(0, "input").axes)


def new_of_sizes(given: Given) -> Value:
    """`tensor.new_zeros(size)` and its like."""
    return Tensor(_known(given.shape(1, "size")))


def _known(shape: list[Axis | None]) -> tuple[Axis, ...]:
    return tuple((SOME,) if axis is None else axis for axis in shape)


def places(given: Given) -> Value:
    """`arange`: the places of keys are their positions, those of tokens are not.

    Places of rows, or of what a flattened axis holds, are only good for taking each row's own.
    """
    numbers = [value for value in given.positional if not (isinstance(value, Plain) and value.constant is None)]
    ends = given.keywords.get("end")
    numbers += [ends] if ends is not None else []
    counts = [value for value in numbers if not isinstance(value, Plain)]
    if not counts:
        size = numbers[0].axis if len(numbers) == 1 and isinstance(numbers[0], Plain) else (SOME,)
        return Tensor((size,))
    count = numbers[0] if len(numbers) == 1 else None
    if not isinstance(count, Count):
        raise NotFollowed("`arange` counts by the size of a followed axis")
    if count.axis == (KEYS,):
        return tensor((count.axis,))
    if count.axis[:1] == (ROWS,):
        return tensor((count.axis,), ROW_PLACES)
    raise NotFollowed(f"`arange` numbers {named(count.axis)} by their places in the call")


def of_numbers(given: Given) -> Value:
    """`tensor(data)` of numbers written out."""
    value = given.take(0, "data")
    if carries(value):
        raise NotFollowed("a tensor is made of the size of a followed axis")
    if isinstance(value, Several):
        return Tensor(((SOME,),)) if value.items and isinstance(value.items[0], Plain) else Tensor(None)
    if isinstance(value, Plain):
        return Tensor((), SMALLEST if value.text == _LEAST else ORDINARY)
    return Tensor(None)
