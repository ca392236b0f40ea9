"""How far upstream's float32 is from its own float64: what another order of the same arithmetic may differ by."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch


def rounding_of(model: Any, text: list[int], single: np.ndarray) -> float:
    """The largest difference of a logit.

    Zero where upstream does not run in float64: then nothing is known, and nothing is allowed for it.

    Args:
        model: upstream's, in float32.
        text: token ids.
        single: the model's logits after each of the last ones of them, `[steps, vocab]`.
    """
    try:
        with torch.no_grad():
            double = copy.deepcopy(model).double()(input_ids=torch.tensor([text]), use_cache=False).logits[0]
    except RuntimeError:  # two types in one product, where upstream says float32 itself
        return 0.0
    return float(np.abs(double[-len(single) :].double().numpy() - single).max())
