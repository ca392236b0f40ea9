"""Every weight is stored once: tied embeddings, shared experts, and the rotary tables of all layers.

A copy, or a transposed copy, that the exporter makes of a shared weight takes its memory again on every card.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import onnx_ir

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.check import Check, Finding
from qeff_codegen.preflight.weight_numbers import in_blocks, numbers_of

# Below 4 KiB in float32 a copy costs nothing. Vectors are left out whatever their size: norm weights and biases of a
# real model may well be all ones or zeros in several layers.
MIN_ELEMENTS = 1024


def _findings(candidate: GraphCandidate) -> Iterator[Finding]:
    alike: dict[object, list[tuple[str, onnx_ir.TensorProtocol]]] = defaultdict(list)
    for name, value in candidate.graph_model.graph.initializers.items():
        tensor = value.const_value
        if tensor is None or tensor.size < MIN_ELEMENTS or len(tensor.shape) < 2:
            continue
        least, most = _extremes(tensor)
        if least == most:
            continue  # filled with one number: equal by what it is, not by being copied
        # Neither changes when the axes are exchanged.
        known = alike[(str(tensor.dtype), tuple(sorted(tensor.shape.numpy())), least, most)]
        for other, theirs in known:
            relation = _relation(numbers_of(tensor), numbers_of(theirs))
            if relation:
                yield Finding(
                    f"{name} {relation} {other}, and both are stored: {_size(tensor)} more than is needed.",
                    "Let the modules share one parameter or buffer, so that the graph has one initializer, and "
                    "transpose it where it is used.",
                )
                break
        else:
            known.append((name, tensor))


def _extremes(tensor: onnx_ir.TensorProtocol) -> tuple[int, int]:
    """The least and the largest number, each as the integer of its bits: of float16 numpy finds those far sooner."""
    found = [
        (int(bits.min()), int(bits.max()))
        for block in in_blocks(tensor)
        for bits in [block.view(f"i{block.itemsize}")]
    ]
    return min(least for least, _ in found), max(most for _, most in found)


def _relation(array: np.ndarray, other: np.ndarray) -> str:
    if array.shape == other.shape and np.array_equal(array, other):
        return "equals"
    exchanged = np.swapaxes(other, -1, -2)
    if array.shape == exchanged.shape and np.array_equal(array, exchanged):
        return "is the transpose of"
    return ""


def _size(tensor: onnx_ir.TensorProtocol) -> str:
    return f"{tensor.nbytes / 2**20:.1f} MiB"


CHECK = Check("weights once", "No two initializers are equal, or one the transpose of the other.", _findings)
