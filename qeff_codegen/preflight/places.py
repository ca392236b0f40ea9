"""Where in the model a node comes from, for messages."""

from __future__ import annotations

import onnx_ir

# The attribute of the export's wrapper module that holds the model: the root of every scope the exporter writes.
_WRAPPED_IN = "decoder"
_UNKNOWN = "the model's outermost scope"


def place_of(node: onnx_ir.Node) -> str:
    """The module whose forward the node computes, such as `model.layers.0.self_attn`.

    The exporter names nodes by module scope; nodes inside custom operators have no such name, and are placed by the
    first of their predecessors that has one.
    """
    seen: set[onnx_ir.Node] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        scope = _scope(current.name or "")
        if scope is not None:
            return scope or _UNKNOWN
        waiting += [producer for producer in (value.producer() for value in current.inputs if value) if producer]
    return _UNKNOWN


def described(node: onnx_ir.Node) -> str:
    """The node for a message: its operator, its name and its place."""
    operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    return f"{operator} ({node.name or 'without a name'}, in {place_of(node)})"


def _scope(name: str) -> str | None:
    """`/decoder/model/layers.0/self_attn/MatMul_1` is in `model.layers.0.self_attn`; None for other names."""
    if not name.startswith("/"):
        return None
    modules = name.split("/")[1:-1]
    return ".".join(modules[1:] if modules[:1] == [_WRAPPED_IN] else modules)
