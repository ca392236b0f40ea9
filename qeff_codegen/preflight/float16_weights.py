"""Every weight is a number in float16, in which the device computes (`-convert-to-fp16`)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.check import Check, Finding
from qeff_codegen.preflight.weight_numbers import in_blocks

# IEEE 754 binary16: the largest finite number, and half the smallest subnormal, below which a number rounds to zero.
MAX_FLOAT16 = 65504.0
MIN_FLOAT16 = 2.0**-25
# All bits but the sign's, and those of infinity; NaN has larger ones.
_SIZE_BITS, _INFINITY_BITS = 0x7FFF, 0x7C00


def _findings(candidate: GraphCandidate) -> Iterator[Finding]:
    vanishing, worst, worst_name = 0, 0, ""
    for name, value in candidate.graph_model.graph.initializers.items():
        if value.const_value is None or not value.const_value.dtype.is_floating_point():
            continue
        beyond, largest, lost = _outside(value.const_value)
        if beyond:
            yield Finding(
                f"{name} has {beyond} of {value.const_value.size} numbers beyond {MAX_FLOAT16:.0f}, up to "
                f"{largest:.3g}; in float16 they are infinite.",
                "Scale the weight, or keep what reads it in float32: the compiler's option -node-precision-info takes "
                "a list of such nodes.",
            )
        vanishing += lost
        if lost > worst:
            worst, worst_name = lost, name
    if vanishing:
        yield Finding(
            f"{vanishing} weights that are not zero become zero in float16, {worst} of them in {worst_name}.",
            is_problem=False,
        )


def _outside(tensor: onnx_ir.TensorProtocol) -> tuple[int, float, int]:
    """How many numbers are too large for float16, the largest of all, and how many that are not zero become it."""
    beyond, largest, lost = 0, 0.0, 0
    for block in in_blocks(tensor):
        if block.dtype == np.float16 and (block.view(np.uint16) & _SIZE_BITS).max(initial=0) < _INFINITY_BITS:
            continue  # what is float16 already, and finite, is neither too large nor lost
        sizes = np.abs(block)
        # NaN is larger than everything.
        largest = float(np.maximum(largest, sizes.max()))
        beyond += int(np.count_nonzero(~(sizes <= MAX_FLOAT16)))
        lost += int(np.count_nonzero((sizes > 0) & (sizes < MIN_FLOAT16)))
    return beyond, largest, lost


CHECK = Check("float16 weights", f"No weight is larger than {MAX_FLOAT16:.0f}, float16's largest number.", _findings)
