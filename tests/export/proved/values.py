"""Values that translations get wrong: negative, zero of both signs, ties, halves, large, infinite, not a number."""

from __future__ import annotations

import torch

_FLOATS = (-2.5, 1.5, -0.5, 0.0, 3.0, -1.0, 0.5, 2.5, -3.7, 1.0, 1.0, -0.0, 7.25, -1.5, 0.125, -20.0, 25.0, 2.0, -2.0)
_HIGH = (*_FLOATS, 1e4, -1e4, 88.0, -104.0)
_WILD = (*_FLOATS, 1e4, -1e4, float("inf"), -float("inf"), 88.0, -104.0)
_NANS = (*_WILD, float("nan"))
_POSITIVE = (0.5, 1.5, 0.001, 3.0, 1.0, 1.0, 7.25, 2.0, 25.0, 0.25, 2.5)
_INTEGERS = (-3, 0, 2, -1, 5, 2, -7, 1, 7, -2, -8, 3, 2, -5, 6)
_LARGE = (2**31 - 1, -(2**31), 2**24 + 1, -(2**24) - 1, 0, -1, 7)
_BOOLEANS = (True, False, False, True, True, True, False)


def floats(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Finite ones."""
    return _filled(_FLOATS, shape, dtype)


def high(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Finite ones and large ones."""
    return _filled(_HIGH, shape, dtype)


def wild(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Finite ones, large ones and infinite ones."""
    return _filled(_WILD, shape, dtype)


def nans(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """All of these, and what is no number."""
    return _filled(_NANS, shape, dtype)


def positive(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Finite ones above zero."""
    return _filled(_POSITIVE, shape, dtype)


def smooth(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Of a few units and all different: sums of their products lose little."""
    count = int(torch.Size(shape).numel())
    return torch.sin(torch.arange(count) * 1.7 + 0.3).mul(2).reshape(shape).to(dtype)


def integers(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """Small ones of both signs."""
    return _filled(_INTEGERS, shape, dtype)


def large(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """The ends of 32 bits, and what float32 has no place for."""
    return _filled(_LARGE, shape, dtype)


def booleans(*shape: int) -> torch.Tensor:
    """Of both kinds."""
    return _filled(_BOOLEANS, shape, torch.bool)


def indices(size: int, *shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """Places in `size`, several of them twice, none counted from the end."""
    return (_filled((0, 2, 2, 1, 5, 0, 3, 3, 7), shape, torch.int64) % size).to(dtype)


def signed_indices(size: int, *shape: int) -> torch.Tensor:
    """Places in `size`, some counted from its end."""
    return torch.where(_filled(_BOOLEANS, shape, torch.bool), indices(size, *shape) - size, indices(size, *shape))


def _filled(values: tuple[float, ...], shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    count = int(torch.Size(shape).numel())
    # Rows that differ: the number of values is no multiple of a usual size.
    repeated = torch.tensor(values).repeat(count // len(values) + 1)
    return repeated[:count].reshape(shape).to(dtype)
