"""Translations of ours for torch.export, where PyTorch's own are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset18


def _clamp(value: Any, min: float | None = None, max: float | None = None) -> Any:  # noqa: A002 - PyTorch's names
    """A number between two others, or with one bound.

    PyTorch's translation leaves out the other bound, which ONNX takes for the largest finite number: infinity is cut.
    """
    operators: Any = opset18
    if min is not None:
        value = operators.Max(value, operators.CastLike(min, value))
    if max is not None:
        value = operators.Min(value, operators.CastLike(max, value))
    return value


TRANSLATIONS_OF_TORCH_EXPORT: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.aten.clamp.default: _clamp}
