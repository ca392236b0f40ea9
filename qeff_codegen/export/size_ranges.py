"""Comparisons of sizes that have one answer in every call a graph is meant for: whether a table is long enough.

Sizes of inputs lie between 1 and a limit, and what is added or multiplied of them between two numbers. Where one side
of a comparison ends before the other begins, the answer is known.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

# For every input that is no weight the longest that each of its dynamic axes may be.
Limits = Sequence[Mapping[int, float]]
Range = tuple[float, float]

_SAME_NUMBER = frozenset({"prim::NumToTensor", "aten::Int", "aten::ScalarImplicit", "aten::detach", "aten::to"})
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
}


def is_settled(value: Any, limits: Limits) -> bool:
    """Whether `value` of a graph is a comparison of sizes whose answer is the same in every call."""
    compared = _COMPARISONS.get(value.node().kind())
    if compared is None:
        return False
    one, other = (_range_of(each, limits) for each in value.node().inputs())
    if one is None or other is None:
        return False
    # A comparison is monotone in both sides, so its answers at the corners are all it has.
    return len({compared(left, right) for left in one for right in other}) == 1


def _range_of(value: Any, limits: Limits) -> Range | None:
    """The smallest and the largest that a number may be; None where it is not known."""
    node = value.node()
    given = list(node.inputs())
    kind = node.kind()
    if kind == "prim::Constant":
        return _constant(value.toIValue())
    if kind in _SAME_NUMBER:
        return _range_of(given[0], limits)
    if kind == "aten::size":
        return _size(given[0], given[1].toIValue(), limits)
    if kind in ("aten::add", "aten::mul", "aten::sub"):
        one, other = (_range_of(each, limits) for each in given[:2])
        is_scaled = kind != "aten::mul" and given[2].toIValue() != 1
        # Below zero a product turns round.
        if one is None or other is None or is_scaled or min(one[0], other[0]) < 0:
            return None
        if kind == "aten::sub":
            return one[0] - other[1], one[1] - other[0]
        combine = operator.add if kind == "aten::add" else operator.mul
        return combine(one[0], other[0]), combine(one[1], other[1])
    return None


def _constant(known: Any) -> Range | None:
    if isinstance(known, torch.Tensor) and known.dim() == 0:
        # While a model is traced, reading a tensor would be traced too.
        known = known.numpy()[()]
    return (known, known) if isinstance(known, (int, float)) and math.isfinite(known) else None


def _size(tensor: Any, axis: int, limits: Limits) -> Range | None:
    """Of an input, a weight, or what is computed and as long as the dynamic axes of inputs are."""
    internals: Any = torch._C
    inputs = internals._get_tracing_state().graph().inputs()
    sizes = tensor.type().sizes()
    size = sizes[axis % len(sizes)]
    dynamic = list(zip(inputs, limits, strict=False))
    if tensor.node().kind() == "prim::Param":
        own = next((item for given, item in dynamic if given.unique() == tensor.unique()), {})
        return (1, own[axis % len(sizes)]) if axis % len(sizes) in own else (size, size)
    # In the traced example and in the others each axis has a length of its own, so that what is only sometimes as long
    # as one of them is not settled in one of the traces.
    longest = [limit for given, own in dynamic for at, limit in own.items() if given.type().sizes()[at] == size]
    return (1, max(longest)) if longest else None
