"""A graph's inputs and outputs, with those of many layers in one row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx_ir

from qeff_codegen.export.graph_io import RETAINED_STATE_SUFFIX


@dataclass(frozen=True)
class TensorRow:
    """One tensor, or those of several layers that are alike.

    Attributes:
        name: its name; of several, with a range of layers.
        count: how many there are.
        dtype: what its numbers are.
        shape: its axes, numbers or names.
    """

    name: str
    count: int
    dtype: str
    shape: str


def tensor_rows(values: Iterable[onnx_ir.Value]) -> tuple[TensorRow, ...]:
    """The tensors in their order; those whose names differ in the layer's number alone stand where the first does."""
    alike: dict[tuple[str, str, str, str], list[int | None]] = {}
    for value in values:
        stem, layer, suffix = _parts(value.name or "")
        dtype = "" if value.dtype is None else value.dtype.numpy().name
        shape = "?" if value.shape is None else f"[{', '.join(map(_axis, value.shape))}]"
        alike.setdefault((stem, suffix, dtype, shape), []).append(layer)
    return tuple(
        TensorRow(f"{stem}{_range(layers)}{suffix}", len(layers), dtype, shape)
        for (stem, suffix, dtype, shape), layers in alike.items()
    )


def _parts(name: str) -> tuple[str, int | None, str]:
    """A name around its layer's number: `past_key.3_RetainedState` is `past_key.`, 3 and the suffix."""
    suffix = RETAINED_STATE_SUFFIX if name.endswith(RETAINED_STATE_SUFFIX) else ""
    stem, dot, number = name.removesuffix(suffix).rpartition(".")
    return (f"{stem}.", int(number), suffix) if dot and number.isdecimal() else (name, None, "")


def _range(layers: list[int | None]) -> str:
    """The numbers as a reader writes them, runs of neighbours in one."""
    runs: list[list[int]] = []
    for layer in layers:
        if layer is None:
            return ""
        if runs and runs[-1][-1] == layer - 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _axis(size: int | onnx_ir.SymbolicDim) -> str:
    return str(size if isinstance(size, int) else size.value)
