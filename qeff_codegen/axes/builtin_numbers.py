"""Python's own functions of numbers: `sum`, `max`, `abs` and others, which tensors may be given to as well."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from qeff_codegen.axes import calls, elementwise
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.values import (
    Count,
    Decision,
    NotFollowed,
    NotKnown,
    Plain,
    Several,
    Shared,
    Start,
    Tensor,
    Value,
    carries,
    named,
)
from qeff_codegen.axes.ways import each_of

if TYPE_CHECKING:
    from qeff_codegen.axes.interpreter import Interpreter


def least(interpreter: Interpreter, given: Given) -> Value:
    """`max(0, ...)` of where the last part of a table starts is that; of other sizes nothing is asked."""
    starts = [value for value in given.positional if isinstance(value, Start)]
    if given.name == "max" and len(starts) == 1 and Plain("0", 0) in given.positional and len(given.positional) == 2:
        return starts[0]
    return number(interpreter, given)


def number(interpreter: Interpreter, given: Given) -> Value:
    """A number that is computed of numbers; of what follows the axes of a call none is."""
    for value in given.everything:
        if isinstance(value, (Count, Start)):
            raise NotFollowed(f"the number of {named(value.axis)} enters arithmetic")
        if isinstance(value, (NotKnown, Decision)) or carries(value):
            raise NotFollowed(f"`{given.name}` of what follows the axes of a call")
    return Plain()


def summed(interpreter: Interpreter, given: Given) -> Value:
    """`sum` of the tensors in a list adds them up, entry by entry; of numbers it is one."""
    value = given.positional[0] if len(given.positional) == 1 and not given.keywords else None
    value = interpreter.store.shared(value) if isinstance(value, Shared) else value
    each = each_of(value) if isinstance(value, Several) else None
    if not isinstance(value, Several) or not isinstance(each, Tensor):
        return number(interpreter, given)
    terms = value.items if value.items is not None else (each, each)
    return reduce(lambda so_far, term: elementwise.computed("add", [so_far, term]), terms)


def magnitude(interpreter: Interpreter, given: Given) -> Value:
    """`abs` of a tensor or of a number."""
    value = given.take(0)
    return calls.of_tensors("abs", given) if isinstance(value, Tensor) else number(interpreter, given)
