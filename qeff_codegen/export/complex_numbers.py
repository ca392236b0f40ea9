"""Complex numbers while a module is traced: as pairs of real ones, since ONNX has no others.

Towers pair features up as complex numbers to rotate them by a table, and take them apart again:

    rotated = torch.view_as_real(torch.view_as_complex(pairs) * table)

A complex tensor that is made of what is traced carries its pairs, which lie along one more axis at its end. Its own
numbers are computed beside and go nowhere; the graph has the product of pairs: (a + bi)(c + di) = (ac - bd) +
(ad + bc)i.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_PAIRS = "_real_and_imaginary"
_TENSOR: Any = torch.Tensor
_PRODUCTS = frozenset({torch.mul, torch.multiply, _TENSOR.mul, _TENSOR.multiply, _TENSOR.__mul__, _TENSOR.__rmul__})


def of_pairs(value: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """A complex tensor with the pairs that it was made of.

    Args:
        value: complex, `[...]`.
        pairs: the real numbers in the graph, `[..., 2]`.
    """
    setattr(value, _PAIRS, pairs)
    return value


def is_one(value: Any) -> bool:
    """Whether something is a complex tensor that carries pairs."""
    return hasattr(value, _PAIRS)


def computed(function: Callable[..., Any], args: tuple[Any, ...], value: Any) -> Any:
    """What a function gives of complex tensors, one of them at least with pairs; None where that is not known.

    Args:
        function: of PyTorch.
        args: what it is given by place.
        value: what it gives, of the numbers alone.
    """
    if function is torch.view_as_real:
        return getattr(args[0], _PAIRS)
    if function in _PRODUCTS and all(isinstance(item, torch.Tensor) and item.is_complex() for item in args):
        first, second = map(_pairs, args)
        real = first[..., 0] * second[..., 0] - first[..., 1] * second[..., 1]
        imaginary = first[..., 0] * second[..., 1] + first[..., 1] * second[..., 0]
        return of_pairs(value, torch.stack((real, imaginary), dim=-1))
    # A question, of the device say, and no tensor.
    return value if getattr(function, "__name__", "") == "__get__" and not isinstance(value, torch.Tensor) else None


def _pairs(value: torch.Tensor) -> torch.Tensor:
    """The pairs of a complex tensor: those it carries, or of one that every call has."""
    carried: torch.Tensor | None = getattr(value, _PAIRS, None)
    return torch.view_as_real(value).contiguous() if carried is None else carried
