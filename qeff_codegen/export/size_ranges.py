"""Comparisons of sizes that have one answer in every call a graph is meant for: whether a table is long enough.

Sizes of inputs lie between 1 and a limit, and what is computed of them between two numbers. Where one side of a
comparison ends before the other begins, the answer is known. A size of what is computed is taken for that of an input
that is as long in the example, or for one of the model's own; examples of other sizes show whether it is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

# For every input that is no weight the longest that each of its dynamic axes may be.
Limits = Sequence[Mapping[int, float]]
Range = tuple[float, float]

_SAME_NUMBER = frozenset({"prim::NumToTensor", "aten::Int", "aten::ScalarImplicit", "aten::detach", "aten::to"})
_SUMS = frozenset({"aten::add", "aten::sub", "aten::rsub"})
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
}


@dataclass
class Comparison:
    """A comparison in a graph that is being traced.

    Attributes:
        limits: of the graph's inputs.
        own_sizes: of what is computed, that were taken for the model's own.
        is_sure: whether every size is one of an input or a weight.
    """

    limits: Limits
    own_sizes: list[int] = field(default_factory=list)
    is_sure: bool = True

    def is_settled(self, value: Any, answer: bool, *, is_choice: bool) -> bool:
        """Whether `value` compares sizes, with the same answer in every call.

        Args:
            value: the comparison.
            answer: its answer in the example.
            is_choice: whether `max` or `min` compares, for which any answer will do where both sides are equal.
        """
        compared = _COMPARISONS.get(value.node().kind())
        if compared is None:
            return False
        one, other = (self._range_of(each) for each in value.node().inputs())
        if one is None or other is None:
            return False
        # A comparison is monotone in both sides, so its answers at the corners are all it has.
        corners = [(left, right) for left in one for right in other if not (is_choice and left == right)]
        return all(compared(left, right) is answer for left, right in corners)

    def _range_of(self, value: Any) -> Range | None:
        """The smallest and the largest that a number may be; None where it is not known."""
        node = value.node()
        given = list(node.inputs())
        kind = node.kind()
        if kind == "prim::Constant":
            return _constant(value.toIValue())
        if kind in _SAME_NUMBER:
            return self._range_of(given[0])
        if kind == "aten::size":
            return self._size(given[0], given[1].toIValue())
        if kind not in _SUMS and kind != "aten::mul":
            return None
        one, other = (self._range_of(each) for each in given[:2])
        if one is None or other is None:
            return None
        if kind == "aten::mul":
            # Below zero a product turns round.
            return None if min(one[0], other[0]) < 0 else (one[0] * other[0], one[1] * other[1])
        if given[2].toIValue() != 1:
            return None
        if kind == "aten::add":
            return one[0] + other[0], one[1] + other[1]
        less, more = (one, other) if kind == "aten::rsub" else (other, one)
        return more[0] - less[1], more[1] - less[0]

    def _size(self, tensor: Any, axis: int) -> Range:
        sizes = tensor.type().sizes()
        axis %= len(sizes)
        internals: Any = torch._C
        inputs = list(internals._get_tracing_state().graph().inputs())
        if tensor.node().kind() == "prim::Param":
            place = [each.unique() for each in inputs].index(tensor.unique())
            dynamic = self.limits[place] if place < len(self.limits) else {}
            return (1, dynamic[axis]) if axis in dynamic else (sizes[axis], sizes[axis])
        self.is_sure = False
        as_long = [
            limit
            for given, dynamic in zip(inputs, self.limits, strict=False)
            for number, limit in dynamic.items()
            if given.type().sizes()[number] == sizes[axis]
        ]
        if as_long:
            return 1, max(as_long)
        self.own_sizes.append(sizes[axis])
        return sizes[axis], sizes[axis]


def _constant(known: Any) -> Range | None:
    if isinstance(known, torch.Tensor) and known.dim() == 0:
        # Not traced, and no look at a tensor of the model.
        known = known.cpu().detach().__array__()[()].item()
    return (known, known) if isinstance(known, (int, float)) and math.isfinite(known) else None
