"""Cuts one decoder layer out of an exported graph, as a graph of its own that can be compared with other layers'."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir
from onnx_ir.passes.common import CommonSubexpressionEliminationPass, IdentityEliminationPass, NameFixPass

from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import RETAINED_STATE_SUFFIX, retained_state_name
from qeff_codegen.export.layer_scopes import OUTSIDE, LayerOf

# The layer of every node that belongs to one.
Owners = Mapping[onnx_ir.Node, str]

_SUBGRAPHS = (onnx_ir.AttributeType.GRAPH, onnx_ir.AttributeType.GRAPHS)
# Of the cache's inputs and outputs, such as `past_key.0`.
_CACHE_INDEX = re.compile(rf"([a-z_]+)\.\d+({RETAINED_STATE_SUFFIX})?")


@dataclass(frozen=True)
class LayerBody:
    """One layer.

    Attributes:
        graph: its nodes, with an input for everything that comes from outside.
        arguments: the values in the exported graph that the inputs stand for.
        results: the values in the exported graph that the outputs stand for.
    """

    graph: onnx_ir.Graph
    arguments: tuple[onnx_ir.Value, ...]
    results: tuple[onnx_ir.Value, ...]

    def form(self) -> object:
        """What it computes, without the names of values: equal for two layers that differ in their arguments only."""
        numbers: dict[onnx_ir.Value | None, int] = {None: -1}
        for value in self.graph.inputs:
            numbers[value] = len(numbers)
        nodes = []
        for node in self.graph:
            for value in node.outputs:
                numbers[value] = len(numbers)
            attributes = tuple(sorted((name, _plain(each)) for name, each in node.attributes.items()))
            read = tuple(numbers[value] for value in node.inputs)
            nodes.append((node.op_identifier(), attributes, read, len(node.outputs)))
        return tuple(nodes), tuple(numbers[value] for value in self.graph.outputs)


class LayerCutter:
    """Knows which nodes of a graph belong to which layer, and which may be computed in it as well.

    Args:
        graph: an exported decoder's, before equal nodes of different layers were merged.
        layer_of: the layer that a node belongs to.
    """

    def __init__(self, graph: onnx_ir.Graph, layer_of: LayerOf) -> None:
        self._graph = graph
        # Constants belong to whoever reads them, and are not in it.
        self.owners = _owners(graph, layer_of)
        self._shared = _shared(graph, self.owners)
        self._of_one_layer = _of_one_layer(graph, self.owners, self._shared)

    def cut_out(self, layer: str) -> LayerBody:
        """A copy of what computes the results of `layer`, in an order that follows from the results alone.

        So layers whose nodes were traced in another order come out alike.

        Raises:
            UsageError: the layer contains control flow.
        """
        inside = {node for node, owner in self.owners.items() if owner == layer} | self._shared
        inside |= {node for node, reader in self._of_one_layer.items() if reader == layer}
        results = self._results(layer)
        arguments: list[onnx_ir.Value] = []
        inputs: list[onnx_ir.Value] = []
        copies: dict[onnx_ir.Value, onnx_ir.Value] = {}

        def copy_of(value: onnx_ir.Value | None) -> onnx_ir.Value | None:
            if value is None:
                return None
            if value not in copies:
                copies[value] = onnx_ir.Value(name=_inner_name(value.name, layer))
                inputs.append(copies[value])
                arguments.append(value)
            return copies[value]

        nodes = []
        for node in _in_order(results, inside):
            _check_no_subgraph(node, layer)
            outputs = [onnx_ir.Value(name=_inner_name(value.name, layer)) for value in node.outputs]
            nodes.append(
                onnx_ir.Node(
                    node.domain,
                    node.op_type,
                    [copy_of(value) for value in node.inputs],
                    list(node.attributes.values()),
                    overload=node.overload,
                    outputs=outputs,
                    name=_inner_name(node.name, layer),
                )
            )
            copies.update(zip(node.outputs, outputs, strict=True))
        opsets = {node.domain: self._graph.opset_imports[node.domain] for node in nodes}
        body = onnx_ir.Graph(inputs, [copies[value] for value in results], nodes=nodes, opset_imports=opsets)
        alone = onnx_ir.Model(body, ir_version=10)
        for tidy in (CommonSubexpressionEliminationPass(), IdentityEliminationPass(), NameFixPass()):
            tidy(alone)
        return LayerBody(body, tuple(arguments), tuple(results))

    def _results(self, layer: str) -> list[onnx_ir.Value]:
        """What is read of a layer outside of it, in the order in which it is computed."""
        return [
            value
            for node, owner in self.owners.items()
            if owner == layer
            for value in node.outputs
            if value.is_graph_output() or any(self._leaves(node, use.node) for use in value.uses())
        ]

    def _leaves(self, node: onnx_ir.Node, reader: onnx_ir.Node) -> bool:
        """Whether `reader` is outside of the node's layer and does not compute the node's value for itself."""
        if reader not in self.owners:
            return True
        return self.owners[reader] != self.owners[node] and node not in self._shared


def _owners(graph: onnx_ir.Graph, layer_of: LayerOf) -> dict[onnx_ir.Node, str]:
    """The layer of every node that has one. A node that the exporter added belongs to the layer that it reads from."""
    owners: dict[onnx_ir.Node, str] = {}
    for node in graph:
        if node.op_type == "Constant":
            continue
        layer = layer_of(node)
        if layer is None:
            read = {owners[producer] for producer in node.predecessors() if producer in owners}
            layer = read.pop() if len(read) == 1 else OUTSIDE
        if layer != OUTSIDE:
            owners[node] = layer
    return owners


def _shared(graph: onnx_ir.Graph, owners: Owners) -> set[onnx_ir.Node]:
    """The nodes of layers that other layers read from too, and that need nothing of their layer.

    That is no weights, no cache and nothing computed from them, so that every layer can compute it for itself.
    """
    outputs = {value.name for value in graph.outputs}
    own = {value for value in graph.inputs if retained_state_name(value.name or "") in outputs}
    own |= {value for value in graph.initializers.values() if len(_readers(value, owners)) == 1}
    for node in graph:
        if node in owners and any(value in own for value in node.inputs):
            own.update(node.outputs)
    shared: set[onnx_ir.Node] = set()
    for node in reversed(graph):
        if node in owners and own.isdisjoint(node.outputs):
            users = {use.node for value in node.outputs for use in value.uses()}
            if not users.isdisjoint(shared) or any(owners.get(user, owners[node]) != owners[node] for user in users):
                shared.add(node)
    return shared


def _of_one_layer(graph: onnx_ir.Graph, owners: Owners, shared: set[onnx_ir.Node]) -> dict[onnx_ir.Node, str]:
    """The nodes outside of layers that compute from and for a single layer, such as the length of its cache.

    Where that layer computes the same, the exporter has merged the two, in one layer and not in the others.
    """
    found: dict[onnx_ir.Node, str] = {}
    for node in graph:
        if node in owners or node.op_type == "Constant":
            continue
        layers: set[str | None] = set()
        for value in node.inputs:
            producer = value.producer() if value is not None else None
            if value is None or (producer is not None and producer.op_type == "Constant"):
                continue
            if producer in found:
                layers.add(found[producer])
            elif value.is_initializer() or any(use.node in shared for use in value.uses()):
                layers.add(None)
            else:
                layers |= _readers(value, owners) or {None}
        for value in node.outputs:
            layers |= _readers(value, owners)
        if len(layers) == 1 and (layer := layers.pop()) is not None:
            found[node] = layer
    return found


def _readers(value: onnx_ir.Value, owners: Owners) -> set[str]:
    """The layers that read `value`."""
    return {owners[use.node] for use in value.uses() if use.node in owners}


def _check_no_subgraph(node: onnx_ir.Node, layer: str) -> None:
    if any(each.type in _SUBGRAPHS for each in node.attributes.values()):
        raise UsageError(
            f"{node.name} is control flow ({node.op_type}), which cannot be cut out of {layer} to become part of an "
            "ONNX function. Export without use_onnx_subfunctions."
        )


def _in_order(results: Sequence[onnx_ir.Value], inside: set[onnx_ir.Node]) -> list[onnx_ir.Node]:
    """The nodes that `results` are computed with, each after those it reads from, constants among them."""
    done: dict[onnx_ir.Node, None] = {}
    waiting = [producer for value in reversed(results) if (producer := value.producer()) is not None]
    while waiting:
        before = [
            producer
            for producer in waiting[-1].predecessors()
            if producer not in done and (producer in inside or producer.op_type == "Constant")
        ]
        if before:
            waiting.extend(reversed(before))
        else:
            done.setdefault(waiting.pop())
    return list(done)


def _inner_name(name: str | None, layer: str) -> str:
    """A name as it reads inside of the function, without what says which layer it is."""
    own_name = ".".join(layer.rsplit(".", 2)[-2:])
    inner = re.split(rf"\b{re.escape(own_name)}[/.]", name or "", maxsplit=1)[-1]
    of_cache = _CACHE_INDEX.fullmatch(inner)
    return of_cache[1] + (of_cache[2] or "") if of_cache else inner


def _plain(attribute: onnx_ir.Attr) -> object:
    """An attribute's value in a form that compares equal when the values are."""
    if attribute.type == onnx_ir.AttributeType.TENSOR:
        array = attribute.value.numpy()
        return array.shape, str(array.dtype), array.tobytes()
    return tuple(attribute.value) if isinstance(attribute.value, Sequence) else attribute.value
