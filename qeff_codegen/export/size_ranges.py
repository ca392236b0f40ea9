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
    if kind in ("aten::add", "aten::mul"):
        one, other = (_range_of(each, limits) for each in given[:2])
        is_scaled = kind == "aten::add" and given[2].toIValue() != 1
        # Below zero a product turns round.
        if one is None or other is None or is_scaled or min(one[0], other[0]) < 0:
            return None
        combine = operator.add if kind == "aten::add" else operator.mul
        return combine(one[0], other[0]), combine(one[1], other[1])
    return None


def _constant(known: Any) -> Range | None:
    if isinstance(known, torch.Tensor) and known.dim() == 0:
        # While a model is traced, reading a tensor would be traced too.
        known = known.numpy()[()]
    return (known, known) if isinstance(known, (int, float)) and math.isfinite(known) else None


def _size(tensor: Any, axis: int, limits: Limits) -> Range | None:
    """Of an input or a weight; what is computed may be of any size."""
    if tensor.node().kind() != "prim::Param":
        return None
    numbers = [each.unique() for each in tensor.node().outputs()]
    place = numbers.index(tensor.unique())
    sizes = tensor.type().sizes()
    axis %= len(sizes)
    dynamic = limits[place] if place < len(limits) else {}
    return (1, dynamic[axis]) if axis in dynamic else (sizes[axis], sizes[axis])
