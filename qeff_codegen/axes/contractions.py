"""Products that sum over an axis: matrix products, linear layers, `einsum`.

Over keys only weights are summed, which are zero where the mask is; over rows and tokens nothing is.
"""

from __future__ import annotations

from qeff_codegen.axes.given import Given
from qeff_codegen.axes.shaping import broadcast, met
from qeff_codegen.axes.values import (
    KEYS,
    ORDINARY,
    SOME,
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


def product(given: Given) -> Value:
    """`matmul`, `bmm`, `mm`, `@`."""
    return _product(given.tensor(0, "input"), given.tensor(1, "other", "mat2"))


def _product(one: Tensor, other: Tensor) -> Tensor:
    if one.axes is None or other.axes is None:
        if one.followed | other.followed:
            raise NotFollowed("it is not known how many axes a tensor of a product has")
        return Tensor(None)
    if not one.axes or not other.axes:
        raise NotFollowed("a product of something without axes")
    left, right = one.axes, other.axes
    vector = len(right) == 1
    summed = right[-1] if vector else right[-2]
    _sum_over(left[-1], summed, one, other)
    around = broadcast(left[:-2], right[:-2])
    kept = (*left[-2:-1], *(() if vector else right[-1:]))
    return tensor((*around, *kept))


def _sum_over(one: Axis, other: Axis, *operands: Tensor) -> None:
    axis = met(one, other)
    if not followed_in(axis):
        return
    if axis != (KEYS,) or one != other:
        raise NotFollowed(f"a product sums over {named(axis)}")
    if WEIGHTS not in {item.kind for item in operands}:
        raise NotFollowed("a product sums over keys, and none of it are weights that are zero where the mask is")


def product_added(given: Given) -> Value:
    """`baddbmm` and `addmm`: a product, and something added to it."""
    first, *factors = (
        given.tensor(0, "input"),
        given.tensor(1, "batch1", "mat1"),
        given.tensor(2, "batch2", "mat2"),
    )
    summed = _product(factors[0], factors[1])
    return tensor(broadcast(first.known, summed.known))


def linear(given: Given) -> Value:
    """`F.linear`: the last axis becomes another."""
    return features_changed(given.tensor(0, "input"))


def features_changed(states: Tensor) -> Tensor:
    """A tensor whose last axis is summed over into another one."""
    if not states.followed:
        return Tensor(states.axes)
    *others, last = states.known
    if followed_in(last):
        raise NotFollowed(f"a linear layer sums over {named(last)}")
    return tensor((*others, (SOME,)))


def einsum(given: Given) -> Value:
    """`einsum` with its equation written out."""
    equation = given.take(0)
    operands = given.positional[1:]
    if len(operands) == 1 and isinstance(operands[0], Several) and operands[0].items is not None:
        operands = operands[0].items
    tensors = [Given("einsum", (item,), {}).tensor(0) for item in operands]
    if not isinstance(equation, Plain) or not isinstance(equation.constant, str) or "." in equation.constant:
        raise NotFollowed("`einsum` of an equation that is not written out")
    inputs, arrow, result = equation.constant.replace(" ", "").partition("->")
    letters = inputs.split(",")
    if not arrow or len(letters) != len(tensors):
        raise NotFollowed("`einsum` of an equation that is not written out")
    axes: dict[str, Axis] = {}
    for names, item in zip(letters, tensors, strict=True):
        if len(names) != len(item.known) or len(set(names)) != len(names):
            raise NotFollowed("`einsum` of another number of axes")
        for name, axis in zip(names, item.known, strict=True):
            axes[name] = met(axes[name], axis) if name in axes else axis
    for name in axes.keys() - set(result):
        if followed_in(axes[name]):
            _sum_over(axes[name], axes[name], *tensors)
    if set(result) - axes.keys() or len(set(result)) != len(result):
        raise NotFollowed("`einsum` of an equation that is not understood")
    return tensor(tuple(axes[name] for name in result), ORDINARY)
