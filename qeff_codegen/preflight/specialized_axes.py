"""Each program gives a number to exactly the axes that the graph has."""

from __future__ import annotations

from collections.abc import Iterator

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.check import Check, Finding

# Given with continuous batching, for the compiler itself: how many rows one call takes. No axis has this name.
_NO_AXIS = {"full_batch_exec_size"}


def _findings(candidate: GraphCandidate) -> Iterator[Finding]:
    graph = candidate.graph_model.graph
    axes = {
        str(dimension.value)
        for value in graph.inputs
        if value.name not in graph.initializers
        for dimension in value.shape or ()
        if not isinstance(dimension, int)
    }
    for program in candidate.programs:
        missing, extra = axes - set(program.symbols), set(program.symbols) - axes - _NO_AXIS
        if missing or extra:
            yield Finding(
                f"{program.name}: axes of the graph without a number: {_listed(missing)}; numbers without an axis: "
                f"{_listed(extra)}.",
                "Export the graph with the options it is compiled with: continuous batching and compute context "
                "lengths each need axes of their own.",
            )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


CHECK = Check("specialized axes", "Each program gives a number to exactly the axes that the graph has.", _findings)
