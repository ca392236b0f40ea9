"""Every weight is a number in float16, in which the device computes (`-convert-to-fp16`)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.check import Check, Finding

# IEEE 754 binary16: the largest finite number, and half the smallest subnormal, below which a number rounds to zero.
MAX_FLOAT16 = 65504.0
MIN_FLOAT16 = 2.0**-25


def _findings(candidate: GraphCandidate) -> Iterator[Finding]:
    vanishing, worst, worst_name = 0, 0, ""
    for name, value in candidate.graph_model.graph.initializers.items():
        if value.const_value is None or not value.const_value.dtype.is_floating_point():
            continue
        sizes = np.abs(value.const_value.numpy())
        largest = sizes.max(initial=0.0)
        if not largest <= MAX_FLOAT16:
            count = int(np.count_nonzero(~(sizes <= MAX_FLOAT16)))
            yield Finding(
                f"{name} has {count} of {sizes.size} numbers beyond {MAX_FLOAT16:.0f}, up to {largest:.3g}; in "
                "float16 they are infinite.",
                "Scale the weight, or keep what reads it in float32: the compiler's option -node-precision-info takes "
                "a list of such nodes.",
            )
        lost = int(np.count_nonzero((sizes > 0) & (sizes < MIN_FLOAT16)))
        vanishing += lost
        if lost > worst:
            worst, worst_name = lost, name
    if vanishing:
        yield Finding(
            f"{vanishing} weights that are not zero become zero in float16, {worst} of them in {worst_name}.",
            is_problem=False,
        )


CHECK = Check("float16 weights", f"No weight is larger than {MAX_FLOAT16:.0f}, float16's largest number.", _findings)
