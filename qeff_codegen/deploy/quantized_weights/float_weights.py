"""The weights of a checkpoint as floats, shard by shard, whatever they are stored as."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from qeff_codegen.deploy.quantized_weights.quantization import Quantization, StoredWeight
from qeff_codegen.deploy.quantized_weights.stored_tensors import NEXT_STEP, StoredTensors
from qeff_codegen.deploy.weights_on_disk import left_on_disk
from qeff_codegen.errors import UsageError

# What no weight is stored as that is not quantized.
_QUANTIZED_TYPES = ("I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4")


def float_weights(
    stored: StoredTensors, quantization: Quantization, shard: Path
) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of one shard under the names that they have where nothing is quantized.

    A weight comes with the shard that its first part is in; its other parts may be in other shards.

    Yields:
        Names, and tensors: dequantized ones in float32, all others as they are stored.

    Raises:
        UsageError: a part of a weight is missing or not what it should be; the message names file and tensor.
    """
    for name, weight in _tensors(stored, quantization, shard):
        make = partial(stored.read, name) if weight is None else partial(quantization.dequantize, weight)
        yield name, left_on_disk(make)


def quantized_names(stored: StoredTensors, quantization: Quantization) -> list[str]:
    """The names of all weights that are quantized, each checked by the headers of its files: nothing is read yet.

    Raises:
        UsageError: a part of a weight is missing or not what it should be; the message names file and tensor.
    """
    found = [
        name for shard in stored.shards for name, weight in _tensors(stored, quantization, shard) if weight is not None
    ]
    if not found:
        raise UsageError(
            f"{stored.shards[0].parent} has no quantized weight, though its config.json says {quantization.METHOD}: "
            f"no tensor's name ends in {quantization.needed[0]}.\n{NEXT_STEP}"
        )
    return found


def _tensors(
    stored: StoredTensors, quantization: Quantization, shard: Path
) -> Iterator[tuple[str, StoredWeight | None]]:
    """What one shard gives: names, each with the parts to make it of, or None for a tensor that is not quantized."""
    parts = quantization.needed + quantization.optional
    marker = quantization.needed[0]
    for name in stored.names(shard):
        if name.endswith(marker):
            weight = StoredWeight(stored, name.removesuffix(marker))
            _check_complete(weight, quantization, shard)
            quantization.check(weight)
            yield weight.stem + quantization.becomes, weight
        elif not name.endswith(quantization.dropped):
            ends = [part for part in parts if name.endswith(part)]
            if any(name.removesuffix(end) + marker in stored for end in ends):
                continue
            orphan = next((end for end in ends if end != quantization.becomes), None)
            if orphan is not None:
                lacks = name.removesuffix(orphan) + marker
                raise UsageError(f"{shard} has {name}, but {lacks} is in none of the files.\n{NEXT_STEP}")
            if stored.stored_type(name) in _QUANTIZED_TYPES:
                raise UsageError(
                    f"{shard}: {name} is of type {stored.stored_type(name)}, and there is nothing that says how it is "
                    f"scaled: {quantization.METHOD} has it in a tensor whose name ends in {marker}.\n{NEXT_STEP}"
                )
            yield name, None


def _check_complete(weight: StoredWeight, quantization: Quantization, shard: Path) -> None:
    for part in quantization.needed:
        if not weight.has(part):
            marker = weight.stem + quantization.needed[0]
            raise UsageError(f"{shard} has {marker}, but {weight.stem + part} is in none of the files.\n{NEXT_STEP}")
