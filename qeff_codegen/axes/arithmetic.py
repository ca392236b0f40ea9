"""Python's operators between tensors, numbers, sizes and tuples."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable as Function

from qeff_codegen.axes.contractions import product
from qeff_codegen.axes.elementwise import computed, owners
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.values import (
    NONE,
    ROW_PLACES,
    SOME,
    Cache,
    Count,
    Decision,
    Maybe,
    NotFollowed,
    NotKnown,
    OneOf,
    Plain,
    Several,
    Start,
    Table,
    Tensor,
    Value,
    carries,
    named,
    present,
)
from qeff_codegen.axes.ways import each_of, joined

_NAMES: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "bitwise_xor",
    ast.LShift: "shift",
    ast.RShift: "shift",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
_OF_NUMBERS: dict[type[ast.AST], Function[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def combined(sign: ast.operator, one: Value, other: Value) -> Value:
    """The value of `one <sign> other`."""
    one, other = present(one), present(other)
    if isinstance(sign, ast.MatMult):
        return product(Given("matmul", (one, other), {}))
    if isinstance(sign, ast.FloorDiv) and isinstance(one, Tensor) and one.kind == ROW_PLACES:
        return owners(one, other)
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return computed(_NAMES[type(sign)], [one, other])
    if isinstance(one, Several) or isinstance(other, Several):
        return _of_several(sign, one, other)
    if isinstance(one, Table) and isinstance(other, Table):
        return joined(one, other)
    if isinstance(one, Plain) and isinstance(other, Plain):
        return _of_plain(sign, one, other)
    if isinstance(sign, ast.Mult):
        return _product_of_sizes(one, other)
    if isinstance(one, Plain) and isinstance(other, Count) and isinstance(sign, ast.Sub):
        return Start(other.axis)
    if isinstance(sign, ast.FloorDiv) and isinstance(one, Count) and isinstance(other, Plain):
        return _quotient(one, other)
    for value in (one, other):
        if isinstance(value, NotKnown) and not value.alternatives:
            return value
        if isinstance(value, NotKnown):
            raise NotFollowed(value.why)
        if isinstance(value, Decision):
            raise NotFollowed(f"`{value.text}` decides what is computed")
        if isinstance(value, (Count, Start)) and isinstance(sign, (ast.Add, ast.Sub)):
            return NotKnown(f"the number of {named(value.axis)} enters arithmetic")
        if isinstance(value, (Count, Start)):
            raise NotFollowed(f"the number of {named(value.axis)} enters arithmetic")
        if carries(value):
            raise NotFollowed("arithmetic that is not understood")
    return Plain()


def _quotient(one: Count, other: Plain) -> Value:
    """The size of a flattened axis divided by one of its factors."""
    if all(factor in one.axis for factor in other.axis) and other.constant != 0:
        left = list(one.axis)
        for factor in other.axis:
            left.remove(factor)
        return Count(tuple(left))
    raise NotFollowed(f"the number of {named(one.axis)} enters arithmetic")


def _product_of_sizes(one: Value, other: Value) -> Value:
    if isinstance(one, (Plain, Count)) and isinstance(other, (Plain, Count)):
        if isinstance(one, Count) or isinstance(other, Count):
            return Count(one.axis + other.axis)
    raise NotFollowed("the size of a followed axis enters arithmetic")


def _of_plain(sign: ast.operator, one: Plain, other: Plain) -> Plain:
    numbers = (one.constant, other.constant)
    if type(sign) in _OF_NUMBERS and all(type(number) is int for number in numbers):
        result = _OF_NUMBERS[type(sign)](*numbers)
        return Plain(str(result), result)
    if SOME in (one.text, other.text):
        return Plain()
    text = f"({one.text} {_NAMES.get(type(sign), '?')} {other.text})"
    return Plain(text, ..., one.axis + other.axis) if isinstance(sign, ast.Mult) else Plain(text)


def _of_several(sign: ast.operator, one: Value, other: Value) -> Value:
    if isinstance(sign, ast.Add) and isinstance(one, Several) and isinstance(other, Several):
        if one.items is None or other.items is None:
            return Several(None, each_of(one, other))
        return Several(one.items + other.items)
    several, number = (one, other) if isinstance(one, Several) else (other, one)
    if isinstance(sign, ast.Mult) and isinstance(several, Several) and isinstance(number, Plain):
        if several.items is not None and isinstance(number.constant, int):
            return Several(several.items * number.constant)
        return Several(None, each_of(several))
    if carries(one) or carries(other):
        raise NotFollowed("arithmetic with a list that is not understood")
    return Plain()


def compared(sign: ast.cmpop, one: Value, other: Value, text: str) -> Value:
    """The value of a comparison: known, decided by the size of a followed axis, or either."""
    if isinstance(sign, (ast.Is, ast.IsNot)):
        if isinstance(one, (Count, Start, Decision, NotKnown)) and other != NONE:
            return Decision(text)
        return _is_none(isinstance(sign, ast.IsNot), one, other)
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        if isinstance(sign, (ast.In, ast.NotIn)):
            raise NotFollowed("a condition on the values of a tensor")
        return computed(_NAMES[type(sign)], [one, other])
    if isinstance(sign, (ast.In, ast.NotIn)):
        is_counted = isinstance(one, (Count, Start, Decision, NotKnown)) or _holds_counts(other)
        return Decision(text) if is_counted else Plain()
    if isinstance(one, Plain) and isinstance(other, Plain):
        if one.constant is not ... and other.constant is not ... and isinstance(sign, (ast.Eq, ast.NotEq)):
            return truth_value((one.constant == other.constant) == isinstance(sign, ast.Eq))
        return Plain()
    for value in (one, other):
        if isinstance(value, NotKnown):
            raise NotFollowed(value.why)
        if carries(value) and not isinstance(value, Cache) and not _alike(one, other):
            return Decision(text)
    return Plain()


def _holds_counts(value: Value) -> bool:
    """Whether sizes of followed axes are among what a list holds."""
    items = value.items or (value.each,) if isinstance(value, Several) else ()
    return any(isinstance(item, (Count, Start, Decision)) for item in items)


def _alike(one: Value, other: Value) -> bool:
    """Whether two shapes have the same followed axes, so that nothing is decided by them."""
    if not isinstance(one, Several) or not isinstance(other, Several) or one.items is None or other.items is None:
        return False
    pairs = zip(one.items, other.items, strict=False)
    alike = all(left == right or not (carries(left) or carries(right)) for left, right in pairs)
    return alike and len(one.items) == len(other.items)


def _is_none(negated: bool, one: Value, other: Value) -> Plain:
    if other != NONE:
        return Plain()
    if one == NONE:
        return truth_value(not negated)
    if isinstance(one, NotKnown):
        return Plain()
    if isinstance(one, Plain) and one.constant is ...:
        return Plain()
    if isinstance(one, (OneOf, Maybe)) or (isinstance(one, Tensor) and one.optional):
        return Plain()
    return truth_value(negated)


def truth_value(value: bool) -> Plain:
    """True or False."""
    return Plain(str(value), value)


def truth(value: Value) -> bool | None:
    """Whether a condition holds; None where that is decided by a configuration.

    Raises:
        NotFollowed: it is decided by the size of a followed axis, or by a tensor's values.
    """
    if isinstance(value, Decision):
        raise NotFollowed(f"`{value.text}` decides by {value.by} what is computed")
    if isinstance(value, (Count, Start)):
        raise NotFollowed(f"the number of {named(value.axis)} decides what is computed")
    if isinstance(value, Tensor) and value.followed:
        raise NotFollowed("the values of a tensor decide what is computed")
    if isinstance(value, NotKnown):
        raise NotFollowed(value.why)
    if isinstance(value, Plain) and value.constant is not ...:
        return bool(value.constant)
    if isinstance(value, Several) and value.items is not None:
        return bool(value.items)
    return None
