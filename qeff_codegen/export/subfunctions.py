"""Makes one ONNX function of every decoder-layer class, called once for each layer.

The exporter inlines every layer; here the nodes of each are cut out again and compared. Layers that compute the same,
with other weights and another cache, become calls of one function, which takes weights, cache and everything else from
outside as arguments. Layers of one class that compute different things become functions with a number behind the name.

Two things that layers share would make the first of them differ from the others. A constant is repeated in every
function. A value that one layer computed and others use, such as sizes that are the same everywhere, is computed in
each layer, unless it depends on a layer's own weights or cache: then it is a result of one function and an argument of
others, as keys are that later layers share.
"""

from __future__ import annotations

import onnx_ir
from onnx_ir.passes.common import RemoveUnusedNodesPass
from torch import nn

from qeff_codegen.export.layer_bodies import LayerBody, LayerCutter
from qeff_codegen.export.layer_scopes import LayerOf, Layers


def outline_layers(model: onnx_ir.Model, layers: Layers, layer_of: LayerOf) -> None:
    """Replace the nodes of every layer by a call of its class's function, in place.

    A function has its class's name, in the domain of the class's module, as PyTorch's exporter named the functions of
    modules while it made them.

    Args:
        model: an exported decoder, before equal nodes of different layers were merged.
        layers: the layers' qualified names and their classes.
        layer_of: the layer that a node belongs to.

    Raises:
        UsageError: a layer contains control flow.
    """
    graph = model.graph
    cutter = LayerCutter(graph, layer_of)
    groups: dict[type[nn.Module], dict[object, list[tuple[str, LayerBody]]]] = {}
    for layer, layer_class in layers.items():
        body = cutter.cut_out(layer)
        groups.setdefault(layer_class, {}).setdefault(body.form(), []).append((layer, body))
    calls = []
    for layer_class, alike in groups.items():
        for number, bodies in enumerate(alike.values(), start=1):
            name = layer_class.__name__ if len(alike) == 1 else f"{layer_class.__name__}_{number}"
            _add_function(model, bodies[0][1].graph, layer_class.__module__, name)
            calls += [(body, _call(layer, body, layer_class.__module__, name)) for layer, body in bodies]
    # A call reads what the nodes of other layers compute until all calls are there.
    for body, call in calls:
        graph.append(call)
        for old, new in zip(body.results, call.outputs, strict=True):
            new.name, new.type, new.shape = old.name, old.type, old.shape
            old.replace_all_uses_with(new, replace_graph_outputs=True)
    graph.remove(list(cutter.owners), safe=True)
    graph.sort()
    RemoveUnusedNodesPass()(model)


def _add_function(model: onnx_ir.Model, graph: onnx_ir.Graph, domain: str, name: str) -> None:
    function = onnx_ir.Function(domain, name, graph=graph, attributes=[])
    model.functions[function.identifier()] = function
    model.graph.opset_imports[domain] = 1


def _call(layer: str, body: LayerBody, domain: str, name: str) -> onnx_ir.Node:
    return onnx_ir.Node(domain, name, body.arguments, num_outputs=len(body.results), name=f"{layer}/{name}")
