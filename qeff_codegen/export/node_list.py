"""Nodes of a graph as a list in the order in which they run, and what leaves fewer of them.

As they stand in the file: a graph that is going to lose more than half of its nodes is not worth an object for each.
Nothing here takes away a node that gives an output of the graph, so outputs keep their names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set

from onnx import AttributeProto, GraphProto, NodeProto

# A tensor of more numbers than this is not compared with others.
_MAX_COMPARED = 10
_RANDOM = frozenset({"RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike", "Multinomial"})


def rename_inputs(node: NodeProto, names: Mapping[str, str]) -> None:
    """Lets the node, and the graphs inside of it, read other values."""
    if not names:
        return
    for position, name in enumerate(node.input):
        if name in names:
            node.input[position] = names[name]
    for inner in _inner_nodes(node):
        rename_inputs(inner, names)


def tidied(nodes: list[NodeProto], outputs: Set[str]) -> list[NodeProto]:
    """The nodes without those that compute what another does, or nothing, or what nobody reads."""
    return _without_unread(_without_identities(without_equal(nodes, outputs), outputs), outputs)


def without_equal(nodes: list[NodeProto], outputs: Set[str]) -> list[NodeProto]:
    """The nodes without those that compute what an earlier one does."""
    names: dict[str, str] = {}
    first: dict[object, NodeProto] = {}
    left = []
    for node in nodes:
        rename_inputs(node, names)
        form = None if any(name in outputs for name in node.output) else _form(node)
        other = node if form is None else first.setdefault(form, node)
        if other is node:
            left.append(node)
        else:
            names.update(zip(node.output, other.output, strict=True))
    return left


def _without_identities(nodes: list[NodeProto], outputs: Set[str]) -> list[NodeProto]:
    names: dict[str, str] = {}
    left = []
    for node in nodes:
        rename_inputs(node, names)
        if node.op_type == "Identity" and not node.domain and node.output[0] not in outputs:
            names[node.output[0]] = node.input[0]
        else:
            left.append(node)
    return left


def _without_unread(nodes: list[NodeProto], outputs: Set[str]) -> list[NodeProto]:
    read = set(outputs)
    left = []
    for node in reversed(nodes):
        if not read.isdisjoint(node.output):
            left.append(node)
            read.update(_read_by(node))
    return left[::-1]


def _form(node: NodeProto) -> object | None:
    """What the node computes, equal for nodes that compute the same; None where that is not looked at."""
    if node.op_type in _RANDOM:
        return None
    attributes = []
    for attribute in node.attribute:
        if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            return None
        if attribute.type == AttributeProto.TENSOR and math.prod(attribute.t.dims) > _MAX_COMPARED:
            return None
        attributes.append(attribute.SerializeToString(deterministic=True))
    return node.domain, node.op_type, tuple(node.input), len(node.output), tuple(sorted(attributes))


def _read_by(node: NodeProto) -> Iterator[str]:
    yield from node.input
    for inner in _inner_nodes(node):
        yield from _read_by(inner)


def _inner_nodes(node: NodeProto) -> Iterator[NodeProto]:
    """The nodes of graphs that the node has for attributes, as Loop does."""
    for attribute in node.attribute:
        inner: list[GraphProto] = []
        if attribute.type == AttributeProto.GRAPH:
            inner = [attribute.g]
        elif attribute.type == AttributeProto.GRAPHS:
            inner = list(attribute.graphs)
        for graph in inner:
            yield from graph.node
