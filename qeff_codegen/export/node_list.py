"""Nodes of a graph as a list in the order in which they run, and what leaves fewer of them.

They are the nodes of the file: a graph that is going to lose two in three is not worth more of each. Nothing here
takes away a node that gives an output of the graph, so outputs keep their names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set

from onnx import AttributeProto, GraphProto, NodeProto

# A tensor of more numbers than this is not compared with others.
_MAX_COMPARED = 10
_RANDOM = frozenset({"RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike", "Multinomial"})


class ListedNode:
    """A node of a file, with what is often asked of it at hand: reading it there takes longer than what is done then.

    Attributes:
        proto: the node; what reads other values in it goes through `rename_inputs`.
        operator: its operator's name.
        domain: its operator's domain.
        inputs: names of the values that it reads, empty where it leaves an input out.
        outputs: names of the values that it gives.
        attributes: equal for nodes with equal attributes; None where they are not compared.
    """

    __slots__ = ("_inner", "attributes", "domain", "inputs", "operator", "outputs", "proto")

    def __init__(self, proto: NodeProto) -> None:
        self.proto = proto
        self.operator = proto.op_type
        self.domain = proto.domain
        self.inputs = tuple(proto.input)
        self.outputs = tuple(proto.output)
        self._inner = [ListedNode(node) for graph in _graphs(proto) for node in graph.node]
        self.attributes = None if self._inner or self.operator in _RANDOM else _compared(proto)

    def rename_inputs(self, names: Mapping[str, str]) -> None:
        """Lets the node, and the graphs inside of it, read other values."""
        for position, name in enumerate(self.inputs):
            if name in names:
                self.proto.input[position] = names[name]
                self.inputs = (*self.inputs[:position], names[name], *self.inputs[position + 1 :])
        for node in self._inner:
            node.rename_inputs(names)

    def all_inputs(self) -> Iterator[str]:
        """Names of the values that the node, and the graphs inside of it, read."""
        yield from self.inputs
        for node in self._inner:
            yield from node.all_inputs()


def _graphs(proto: NodeProto) -> Iterator[GraphProto]:
    """The graphs that the node has for attributes, as Loop does."""
    for attribute in proto.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from attribute.graphs


def _compared(proto: NodeProto) -> tuple[bytes, ...] | None:
    attributes = []
    for attribute in proto.attribute:
        if attribute.type == AttributeProto.TENSOR and math.prod(attribute.t.dims) > _MAX_COMPARED:
            return None
        attributes.append(attribute.SerializeToString(deterministic=True))
    return tuple(sorted(attributes))


def tidied(nodes: list[ListedNode], outputs: Set[str]) -> list[ListedNode]:
    """The nodes without those that compute what another does, or nothing, or what nobody reads."""
    return _without_unread(_without_identities(without_equal(nodes, outputs), outputs), outputs)


def without_equal(nodes: list[ListedNode], outputs: Set[str]) -> list[ListedNode]:
    """The nodes without those that compute what an earlier one does."""
    names: dict[str, str] = {}
    first: dict[object, ListedNode] = {}
    left = []
    for node in nodes:
        node.rename_inputs(names)
        if node.attributes is not None and outputs.isdisjoint(node.outputs):
            form = node.domain, node.operator, node.inputs, len(node.outputs), node.attributes
            other = first.setdefault(form, node)
            if other is not node:
                names.update(zip(node.outputs, other.outputs, strict=True))
                continue
        left.append(node)
    return left


def _without_identities(nodes: list[ListedNode], outputs: Set[str]) -> list[ListedNode]:
    names: dict[str, str] = {}
    left = []
    for node in nodes:
        node.rename_inputs(names)
        if node.operator == "Identity" and not node.domain and node.outputs[0] not in outputs:
            names[node.outputs[0]] = node.inputs[0]
        else:
            left.append(node)
    return left


def _without_unread(nodes: list[ListedNode], outputs: Set[str]) -> list[ListedNode]:
    read = set(outputs)
    left = []
    for node in reversed(nodes):
        if not read.isdisjoint(node.outputs):
            left.append(node)
            read.update(node.all_inputs())
    return left[::-1]
