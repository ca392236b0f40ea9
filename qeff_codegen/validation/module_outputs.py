"""Recording what every module of a model takes and gives during one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class ModuleRecord:
    """One module's call.

    Attributes:
        name: qualified name, such as `model.layers.0.self_attn`; empty for the model itself.
        inputs: the tensor it works on (the first it was given), at most one.
        outputs: its first output tensor, and the second if it has the same shape (cos and sin are such a pair).
    """

    name: str
    inputs: tuple[torch.Tensor, ...]
    outputs: tuple[torch.Tensor, ...]


@contextmanager
def recorded(model: nn.Module) -> Iterator[list[ModuleRecord]]:
    """Collect a `ModuleRecord` per module call, in the order in which the calls *finish*, inner before outer."""
    records: list[ModuleRecord] = []

    def hook_for(name: str) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            given = _tensors([*args, *kwargs.values()])[:1]
            taken = _tensors([output])[:2]
            same_shape = tuple(tensor.clone() for tensor in taken if tensor.shape == taken[0].shape)
            records.append(ModuleRecord(name, tuple(tensor.clone() for tensor in given), same_shape))

        return hook

    handles = [
        module.register_forward_hook(hook_for(name), with_kwargs=True) for name, module in model.named_modules()
    ]
    try:
        yield records
    finally:
        for handle in handles:
            handle.remove()


def _tensors(values: list[Any]) -> list[torch.Tensor]:
    """The tensors in `values`, depth first, in order."""
    found: list[torch.Tensor] = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, dict):
            found += _tensors(list(value.values()))
        elif isinstance(value, tuple | list):
            found += _tensors(list(value))
    return found
