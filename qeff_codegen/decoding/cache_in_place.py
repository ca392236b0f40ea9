"""Whether a decoder's graph may write its KV cache where it reads it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx

# A scatter writes into a copy of its first input, or into the input itself where that is the output's place too. A
# shape is not what is written.
_HARMLESS = {"CtxScatter", "CtxScatterCB", "Shape"}


def may_write_in_place(onnx_path: Path, cache_names: Collection[str]) -> bool:
    """Whether nothing reads what was in the cache once the graph has written to it.

    So it is where each cache input is read by its scatter alone. Anything else, such as a function for a whole layer,
    is answered with no: then every step copies the cache.
    """
    graph = onnx.load(onnx_path, load_external_data=False).graph
    names = set(cache_names)
    readers = [node for node in graph.node if names.intersection(node.input)]
    scatters = [node.input[0] for node in readers if node.op_type != "Shape"]
    return {node.op_type for node in readers} <= _HARMLESS and len(scatters) == len(set(scatters))
