"""The runtime keeps what the layers retain: QEfficient's knows a retained state by how its name begins.

A binding whose name it does not know is none to it. The compiler takes such a graph all the same, and the fault is not
the graph's, so this is a remark.

Source: `is_retained_state_name` in QEfficient/generation/cloud_infer.py, commit ebf55e815.
"""

from __future__ import annotations

from collections.abc import Iterator

from qeff_codegen.preflight.candidate import Candidate
from qeff_codegen.preflight.check import Check, Finding

BEGINNINGS = ("past_", "conv_state.", "recurrent_state.", "compressed_", "k_pe")


def _findings(candidate: Candidate) -> Iterator[Finding]:
    names = [f"{part.name}.{index}" for index, layer in enumerate(candidate.layers) for part in layer]
    unknown = [name for name in names if not name.startswith(BEGINNINGS)]
    if unknown:
        further = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        yield Finding(
            f"QEfficient's runtime does not know {unknown[0]}{further} as a retained state: it keeps what begins with "
            f"{', '.join(BEGINNINGS[:-1])} or {BEGINNINGS[-1]}. The graph needs a runtime that keeps it too.",
            is_problem=False,
        )


CHECK: Check[Candidate] = Check(
    "known states", "QEfficient's runtime knows every tensor that a layer retains as a retained state.", _findings
)
