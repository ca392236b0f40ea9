"""The number format that a QEff model computes in: float32, or float16 as the device does."""

from __future__ import annotations

import re
from typing import Any

import torch

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.customop import CustomRMSNormAIC

PRECISIONS = {"float32": torch.float32, "float16": torch.float16}


def precision(dtype: str | torch.dtype) -> torch.dtype:
    """Returns the format that `dtype` names.

    Raises:
        UsageError: it is neither float32 nor float16.
    """
    named = PRECISIONS.get(str(dtype).removeprefix("torch."))
    if named is None:
        raise UsageError(
            f"dtype is {dtype}: a model is exported in {' or '.join(PRECISIONS)}. Weights of another format are "
            "converted when they are loaded."
        )
    return named


def convert(model: Any, dtype: torch.dtype) -> Any:
    """Converts a float32 QEff model in place, tensor by tensor, and returns it.

    The model is mapped before, in float32. So what `__qeff_init__` computes is rounded once, at the end: a rotary
    table then holds what upstream's float16 model looks up, which computes angles in float32 too. From frequencies in
    float16, Llama's angle at position 4096 (head size 64, base 10000) would be wrong by 0.65.

    What upstream keeps in float32 stays so: a router's correction bias may hold numbers whose differences float16
    cannot tell apart. The weight of a norm that is a custom operator does not, as the operator has one type for all.
    """
    if dtype == torch.float32:
        return model
    kept_names = {*(model._keep_in_fp32_modules or ()), *(model._keep_in_fp32_modules_strict or ())}
    kept = [re.compile(name.replace("*", ".*")) for name in kept_names]
    for path, module in model.named_modules():
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            is_kept = any(pattern.search(f"{path}.{name}") for pattern in kept)
            if tensor.is_floating_point() and (isinstance(module, CustomRMSNormAIC) or not is_kept):
                tensor.data = tensor.data.to(dtype)
    model.config.dtype = dtype
    return model
