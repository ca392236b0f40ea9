"""A vision program takes pixels of the model's format, and gives an embedding for each token of an image.

The language program reads the embeddings by name, in the same format.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir

from qeff_codegen.export.graph_io import PIXEL_VALUES
from qeff_codegen.preflight.candidate import VisionCandidate
from qeff_codegen.preflight.check import Check, Finding

_TYPES = (onnx_ir.DataType.FLOAT, onnx_ir.DataType.FLOAT16)
_NEXT = "Export again with this version; if it stays, the exporter and vision_export.py disagree."


def _findings(candidate: VisionCandidate) -> Iterator[Finding]:
    graph = candidate.graph_model.graph
    inputs = [value for value in graph.inputs if value.name not in graph.initializers]
    names = [value.name for value in inputs], [value.name for value in graph.outputs]
    wanted_names = candidate.spec.outputs
    if names != ([PIXEL_VALUES], wanted_names):
        yield Finding(
            f"The graph takes {', '.join(map(str, names[0]))} and gives {', '.join(map(str, names[1]))}; it should "
            f"take {PIXEL_VALUES} and give {', '.join(wanted_names)}.",
            _NEXT,
        )
        return
    pixels = inputs[0]
    for given in graph.outputs:
        if pixels.dtype not in _TYPES or given.dtype != pixels.dtype:
            yield Finding(
                f"{PIXEL_VALUES} is {pixels.dtype} and {given.name} {given.dtype}; both should be float32 or float16.",
                _NEXT,
            )
    axes = candidate.spec.axes[PIXEL_VALUES]
    wanted = [axes.get(axis, size) for axis, size in enumerate(candidate.spec.shape(1))]
    found = [size if isinstance(size, int) else size.value for size in pixels.shape or ()]
    if found != wanted:
        yield Finding(f"{PIXEL_VALUES} has the axes {found} and should have {wanted}.", _NEXT)


CHECK = Check(
    "interface",
    "A vision program takes pixels of its sizes and gives embeddings, both in the model's format.",
    _findings,
)
