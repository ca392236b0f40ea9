"""Leaves fewer nodes in a graph, and nothing of the machine that it was made on."""

from __future__ import annotations

import onnx_ir
from onnx_ir.passes.common import (
    ClearMetadataAndDocStringPass,
    CommonSubexpressionEliminationPass,
    IdentityEliminationPass,
    RemoveUnusedNodesPass,
)

from qeff_codegen.export.weight_folding import fold_into_weights


def tidy(graph_model: onnx_ir.Model) -> None:
    """Merges what computes the same, computes what follows from weights alone, and drops the rest, in place."""
    # Most of what computes the same are constants; of a decoder about 4 nodes in 10 go.
    CommonSubexpressionEliminationPass()(graph_model)
    IdentityEliminationPass()(graph_model)
    fold_into_weights(graph_model.graph)
    RemoveUnusedNodesPass()(graph_model)
    # Traces of the code that made each node, with paths of this machine.
    ClearMetadataAndDocStringPass()(graph_model)
