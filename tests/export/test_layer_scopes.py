"""Nodes are found in the layer they were traced in, by both exporters' ways of saying so."""

from __future__ import annotations

import onnx
import onnx_ir
import pytest
from torch import nn

from qeff_codegen.errors import UsageError
from qeff_codegen.export.layer_scopes import OUTSIDE, by_node_name, by_scope
from qeff_codegen.export.subfunctions import outline_layers

LAYERS = {f"model.decoder.layers.{number}": nn.Linear for number in (0, 1, 10)}


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("/decoder/model/decoder/layers.1/mlp/Mul", "model.decoder.layers.1"),
        ("/decoder/model/decoder/layers.10/Add_1", "model.decoder.layers.10"),
        # `model` only holds the decoder, and is not called.
        ("/decoder/decoder/layers.0/self_attn/q_proj/MatMul", "model.decoder.layers.0"),
        # Another module's layers.
        ("/decoder/model/encoder/layers.0/Add", OUTSIDE),
        ("/decoder/model/decoder/embed_tokens/Gather", OUTSIDE),
        # Made by a pass of the exporter.
        ("Shape_522", None),
    ],
)
def test_by_node_name(name: str, layer: str | None) -> None:
    assert by_node_name(LAYERS)(onnx_ir.node("Add", [], name=name)) == layer


@pytest.mark.parametrize(
    ("scopes", "layer"),
    [
        (["", "decoder", "decoder.model", "decoder.model.decoder.layers.10", "add_1"], "model.decoder.layers.10"),
        (["", "decoder", "decoder.model", "decoder.model.norm", "mul"], OUTSIDE),
        (["_empty_nn_module_stack_from_metadata_hook", "sym_size_int_17"], None),
    ],
)
def test_by_scope(scopes: list[str], layer: str | None) -> None:
    node = onnx_ir.node("Add", [])
    node.metadata_props["pkg.torch.onnx.name_scopes"] = repr(scopes)
    assert by_scope(LAYERS)(node) == layer


def test_control_flow_in_a_layer() -> None:
    model = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        g (bool[1] condition, float[1] x) => (float[1] y)
        { y = If (condition) <then_branch = a () => (float[1] p) { p = Add(x, x) },
                              else_branch = b () => (float[1] q) { q = Mul(x, x) }> }""")
    model.graph.node[0].name = "/decoder/model/decoder/layers.0/If"
    with pytest.raises(UsageError, match=r"layers.0/If is control flow \(If\), which cannot be cut out of model"):
        outline_layers(onnx_ir.from_proto(model), LAYERS, by_node_name(LAYERS))
