"""An RMS norm of a sum, together with the sum, which goes on beside it.

CustomRMSNorm(a + b, weight)    -->    SkipSimplifiedLayerNormalization(a, b, weight)
"""

from __future__ import annotations

import onnx_ir

from qeff_codegen.decoding.host_graph.building import MICROSOFT, NewNodes
from qeff_codegen.decoding.host_graph.nodes import maker

_SKIP = "SkipSimplifiedLayerNormalization"
# What makes a token's hidden state, or what a layer adds to it. A bias has not its shape.
_HIDDEN_STATES = ("Add", "MatMul", "Gather", _SKIP)
# Outputs of the operator: the norm, two that only training has, and the sum.
_NUM_OUTPUTS, _SUM = 4, 3


def with_sum(node: onnx_ir.Node, new: NewNodes) -> None:
    """Rewrite the norm that this node is, if it is one of such a sum."""
    if node.op_type != "CustomRMSNorm":
        return
    summed, weight = node.inputs
    add = maker(summed, "Add")
    if add is None or weight is None or summed is None:
        return
    first, second = add.inputs
    if maker(first, *_HIDDEN_STATES) is None or maker(second, *_HIDDEN_STATES) is None:
        return
    assert first is not None and second is not None
    epsilon = node.attributes["epsilon"].as_float()
    normed, _, _, total = new.outputs(
        _NUM_OUTPUTS,
        _SKIP,
        *(first, second, weight),
        domain=MICROSOFT,
        attributes={"epsilon": epsilon},
    )
    node.outputs[0].replace_all_uses_with(normed)
    summed.replace_all_uses_with(total)
