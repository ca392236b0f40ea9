"""Which parts of its KV cache a decoder's graph may write where it reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import onnx

# A scatter writes into a copy of its first input, or into the input itself where that is the output's place too. A
# shape is not what is written.
_HARMLESS = {"CtxScatter", "CtxScatterCB", "Shape"}


def written_in_place(onnx_path: Path, cache_names: Collection[str]) -> list[str]:
    """Those of the cache inputs whose slots nothing reads once the graph has written to them.

    So it is where an input is read by its scatter alone. Anything else, such as a function for a whole layer, and a
    layer that reads the slots of its window as they were before, has its part of the cache copied in every step.
    """
    graph = onnx.load(onnx_path, load_external_data=False).graph
    readers = [(name, node) for node in graph.node for name in set(node.input).intersection(cache_names)]
    other_readers = {name for name, node in readers if node.op_type not in _HARMLESS}
    scatters = Counter(name for name, node in readers if node.op_type != "Shape")
    return [name for name in cache_names if name not in other_readers and scatters[name] == 1]
