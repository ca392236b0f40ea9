"""What a call of an operator looks like to an exporter: the types it computes with, and the form of its arguments.

A translation may be right for one form and wrong for another: for floats and not for integers, for a dimension counted
from the front and not from the end. So a call is described by all that a translation may look at, in a few words. Two
calls with the same description are translated alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

# What says where a result is kept, not what it is.
_MEANINGLESS = frozenset({"device", "layout", "pin_memory", "non_blocking", "memory_format", "generator"})
# Operators that read an index or a factor by how many axes it has.
RANKED = frozenset({"index", "index_put", "index_put_", "matmul", "mv", "masked_scatter", "masked_select"})
# A size or what is computed from sizes: a number in PyTorch, a tensor in the graph.
TRACED = "size"


@dataclass(frozen=True)
class Place:
    """Where a call stands in the source: the module it was traced in, and the innermost line outside of PyTorch."""

    module: str
    path: str
    line: int


@dataclass(frozen=True)
class Call:
    """One call in a traced model.

    Attributes:
        operator: its name, such as `aten::softmax`, or with torch.export `aten.softmax.int`.
        types: of its tensors, and of its results behind an arrow.
        arguments: the others, each with its form.
    """

    operator: str
    types: str
    arguments: str


@dataclass(frozen=True)
class Argument:
    """An argument that is no tensor: its name, and its form; equal to the default it is left out."""

    name: str
    form: str


def described(operator: str, tensors: Iterable[str], results: Iterable[str], arguments: Sequence[Argument]) -> Call:
    """The call of `operator` in words."""
    types = f"{', '.join(tensors)} -> {', '.join(results)}"
    told = (f"{each.name}={each.form}" for each in arguments if each.name not in _MEANINGLESS)
    return Call(operator, types.strip(), ", ".join(told))


def tensor_type(dtype: torch.dtype | None, rank: int | None, number: torch.Tensor | None, operator: str) -> str:
    """A tensor in a word.

    Args:
        dtype: its type.
        rank: how many axes it has.
        number: its value, where it is a constant.
        operator: what it is given to.
    """
    name = str(dtype).removeprefix("torch.")
    if rank == 0:
        return f"{name}[]" if number is None else f"{name} number"
    if base_name(operator) in RANKED:
        name = f"{name}/{rank}"
    constant = number is not None and dtype is not None and not dtype.is_floating_point
    return f"{name} constant" if constant else name


def base_name(operator: str) -> str:
    """An operator's name without namespace and overload."""
    return operator.replace("::", ".").split(".")[1]


def number_form(value: bool | int | float | str | None) -> str:
    """A number by its sign, whether it is whole and whether it is finite; anything else as it is."""
    if value is None or isinstance(value, (bool, str)):
        return str(value)
    if not isinstance(value, (int, float)):
        return type(value).__name__
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    kind = "int" if isinstance(value, int) else "float"
    return f"{kind}<0" if value < 0 else f"{kind}=0" if value == 0 else f"{kind}>0"


def list_form(elements: Iterable[str]) -> str:
    """A list by the forms of its elements, each named once."""
    return f"[{' '.join(sorted(set(elements)))}]"


def index_form(elements: Iterable[str]) -> str:
    """An index: what stands for each axis, in order."""
    return f"[{' '.join(elements)}]"


def lengths_of_one(lengths: Sequence[int | torch.SymInt], axes: Sequence[int]) -> list[Argument]:
    """Whether the axes that are squeezed have one element in the example, which stays so: no axis that varies has one.

    An axis that varies may have one in another call, where PyTorch would take it away and the graph would not.
    """
    squeezed = axes if axes else range(len(lengths))
    is_one = [isinstance(lengths[axis], int) and lengths[axis] == 1 for axis in squeezed]
    return [Argument("lengths", "all 1" if all(is_one) else "others")]
