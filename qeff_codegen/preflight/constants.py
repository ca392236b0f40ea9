"""No large constant but the model's weights.

What the exporter computes while it traces stands in the graph as a constant: a causal mask of all positions, positions
counted out, a rotary table that is no buffer, repeated in each layer. It takes memory on the device like a weight, and
often has the traced example's sizes, not the program's.
"""

from __future__ import annotations

from collections.abc import Iterator

from onnx_ir import DataType
from onnx_ir.convenience import get_const_tensor

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.check import Check, Finding
from qeff_codegen.preflight.places import described

# Shapes, axes and scalars have a few elements, an inverse frequency of RoPE for each pair of a head: 64 for heads of
# 128. A mask has context length squared, which is more than this for any context that is of use.
MAX_ELEMENTS = 512

_NEXT = (
    "Make it a buffer of the module, which is stored once, or compute it from position_ids and the shapes of inputs."
)


def _findings(candidate: GraphCandidate) -> Iterator[Finding]:
    for node, function in candidate.nodes():
        if node.op_type == "Constant" and not node.domain:
            tensor = get_const_tensor(node.outputs[0])
            if tensor is not None and tensor.size > MAX_ELEMENTS:
                inside = f" of the function {function}" if function else ""
                yield _finding(f"{described(node)}{inside}", tuple(tensor.shape), tensor.dtype)
    for name, value in candidate.graph_model.graph.initializers.items():
        tensor = value.const_value
        if tensor is not None and tensor.size > MAX_ELEMENTS and name not in candidate.weight_names:
            users = [described(use.node) for use in value.uses()]
            yield _finding(f"{name}, read by {users[0] if users else 'nothing'}", tuple(tensor.shape), tensor.dtype)


def _finding(which: str, shape: tuple[object, ...], dtype: DataType) -> Finding:
    return Finding(
        f"{which} is a constant of {' x '.join(map(str, shape))} ({dtype}) that is no weight of the model.", _NEXT
    )


CHECK = Check(
    "constants",
    f"No constant has more than {MAX_ELEMENTS} elements, but for the model's parameters and buffers.",
    _findings,
)
