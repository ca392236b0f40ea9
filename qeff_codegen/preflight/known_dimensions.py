"""Every dimension of every tensor is a number in every program.

A program for Cloud AI 100 is laid out for fixed sizes: `specializations.json` gives the axes of the inputs a number,
and everything else has to follow. It does not where a size depends on what is computed, as that of NonZero's result or
of a Range up to a runtime value does.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.check import Check, Finding
from qeff_codegen.preflight.places import described


def _findings(candidate: GraphCandidate) -> Iterator[Finding]:
    for program, graph in candidate.sized.items():
        unknown = [(node, value) for node in graph for value in node.outputs if not _is_known(value)]
        if unknown:
            node, value = unknown[0]
            shape = "no known rank" if value.shape is None else f"the shape {value.shape}"
            yield Finding(
                f"{program}: {value.name} has {shape}; it is made by {described(node)}, and is the first of "
                f"{len(unknown)} tensors with a dimension that is no number.",
                "Compute its size from the shapes of inputs, not from their values: with a mask over all slots "
                "instead of a selection of some.",
            )


def _is_known(value: onnx_ir.Value) -> bool:
    # An optional output that nobody asked for has no name.
    return not value.name or (value.shape is not None and value.shape.is_static())


CHECK = Check(
    "known dimensions",
    "Every dimension of every tensor is a number in every program the graph is compiled for.",
    _findings,
)
