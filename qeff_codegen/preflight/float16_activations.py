"""No tensor that the graph computes on a sample exceeds float16, in which the device computes.

A sample proves nothing for other prompts; what exceeds the range on a few ordinary tokens will on any. Masked scores
are minus infinity and are meant, and what follows from them in a row that sees nothing is NaN and never read. In a
graph that is float16 itself, what exceeds the range is infinite; to minus infinity it cannot be told from a mask.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qeff_codegen.preflight.candidate import Candidate, VisionCandidate
from qeff_codegen.preflight.check import Check, Finding
from qeff_codegen.preflight.float16_weights import MAX_FLOAT16
from qeff_codegen.preflight.places import described
from qeff_codegen.preflight.watched_run import VisionRun, WatchedRun

_NAMED = 5
# What upstream masks with where it does not with minus infinity, the least number of float32, and what is added to it.
_MASKED = -1e38


def _findings(candidate: Candidate | VisionCandidate) -> Iterator[Finding]:
    run = VisionRun(candidate) if isinstance(candidate, VisionCandidate) else WatchedRun(candidate)
    largest: dict[str, float] = {}
    for name, array in run.tensors():
        largest[name] = max(_largest(array), largest.get(name, 0.0))
    # In the graph's order: what exceeds the range first is where it starts.
    beyond = [
        f"{value.name} ({largest[value.name]:.3g}, made by {described(node)})"
        for node in run.graph
        for value in node.outputs
        if value.name and largest.get(value.name, 0.0) > MAX_FLOAT16
    ]
    if beyond:
        more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        yield Finding(
            f"Beyond {MAX_FLOAT16:.0f}, float16's largest number, on a sample: {', '.join(beyond[:_NAMED])}{more}.",
            "Keep these nodes in float32: the compiler's option -node-precision-info takes a list of them.",
        )


def _largest(array: np.ndarray) -> float:
    """The largest size of a number that is no mask; NaN is larger than nothing."""
    wide = array.astype(np.float32, copy=False)
    return float(np.abs(wide[wide > _MASKED]).max(initial=0.0))


CHECK = Check(
    "float16 activations",
    f"On a sample prompt no tensor of the graph exceeds {MAX_FLOAT16:.0f}, float16's largest number.",
    _findings,
)
