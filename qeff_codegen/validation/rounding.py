"""How far upstream's float32 is from its own float64: what another order of the same arithmetic may differ by."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

# The logits `[calls, vocab]` of a model in given calls, each a list of tokens.
Logits = Callable[[Any, list[list[int]]], np.ndarray]


def rounding_of(model: Any, calls: list[list[int]], single: np.ndarray, logits_of: Logits) -> float:
    """The largest difference of a logit.

    Zero where upstream does not run in float64: then nothing is known, and nothing is allowed for it.

    Args:
        model: upstream's, in float32.
        calls: the tokens of each call.
        single: what it answered in the last of them, `[steps, vocab]`.
        logits_of: makes the same calls of a model.
    """
    try:
        double = logits_of(copy.deepcopy(model).double(), calls)
    except RuntimeError:  # two types in one product, where upstream says float32 itself
        return 0.0
    return float(np.abs(double[-len(single) :] - single).max())
